//! Adapters to AWS, and the loop that carries out what the decider decides.
