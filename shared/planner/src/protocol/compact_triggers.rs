//! The compact JSON of the triggers of a run on the board, such as `["load:jaffle.raw_orders", 7, 1]`: trigger, generation,
//! and 1 for the first run that planned the generation. A run of many datasets has many triggers, and the board must stay
//! small.

use serde::{Deserialize, Deserializer, Serializer};

use crate::{RunTrigger, Trigger};

pub(crate) fn serialize<S: Serializer>(triggers: &[RunTrigger], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(triggers.iter().map(|c| (&c.trigger, c.generation, u8::from(c.first))))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RunTrigger>, D::Error> {
    let triggers = Vec::<(Trigger, u64, u8)>::deserialize(deserializer)?;
    Ok(triggers
        .into_iter()
        .map(|(trigger, generation, first)| RunTrigger { trigger, generation, first: first == 1 })
        .collect())
}
