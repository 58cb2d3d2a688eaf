//! Lambda function on-task-stopped.

fn main() {}
