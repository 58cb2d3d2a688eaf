//! Lambda function on-schedule.

fn main() {}
