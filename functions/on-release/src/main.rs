//! Lambda function on-release.

fn main() {}
