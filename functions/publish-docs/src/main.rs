//! Lambda function publish-docs.

fn main() {}
