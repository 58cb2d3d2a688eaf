//! The program as ECS starts it, with a fake S3 in the test's process. Most tests run real dbt. Those of failures that
//! real dbt cannot produce on demand run a script in its place.

#[cfg(test)]
mod large;
#[cfg(test)]
mod microbatch;
#[cfg(test)]
mod selection;
#[cfg(test)]
mod support;
#[cfg(test)]
mod with_dbt;
#[cfg(test)]
mod with_stand_in;
