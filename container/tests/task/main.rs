//! The binary as ECS starts it: against an S3 in this process, with real dbt where there is one, with a stand-in where real dbt will not do.

#[cfg(test)]
mod ends;
#[cfg(test)]
mod support;
#[cfg(test)]
mod with_dbt;
