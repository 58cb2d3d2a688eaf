//! Lambda function on-load.

fn main() {}
