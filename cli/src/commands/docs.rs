//! `landfall docs`: the published docs on 127.0.0.1, until Ctrl-C.

use super::CommandError;
use crate::{args::DocsArgs, docs_server::DocsServer, stack::Stack, terminal::Terminal};

pub(super) async fn run(terminal: &Terminal, args: &DocsArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let server = DocsServer::start(stack.docs()?, args.port).await?;
    terminal.print(format!("The docs of stack {} are at {}. Ctrl-C ends the server.", stack.name, server.address));
    terminal.until_interrupted();
    server.run().await;
    Ok(())
}
