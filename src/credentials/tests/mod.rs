//! Providers as a whole, with an STS and a metadata service in this process.

mod fixtures;
mod refresh;
mod wire;
