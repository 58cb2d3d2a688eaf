//! `landfall docs`.

use super::CommandError;
use crate::{args::DocsArgs, docs_server::DocsServer, stack::Stack, terminal::Terminal};

pub(super) async fn run(terminal: &Terminal, args: &DocsArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let server = DocsServer::start(stack.docs()?, args.port).await?;
    terminal.say(format!("the docs of {} are at {} until Ctrl-C", stack.name, server.address));
    terminal.until_interrupted();
    server.run().await;
    Ok(())
}
