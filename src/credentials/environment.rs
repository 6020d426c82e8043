//! The environment variables of the process.

use std::{collections::HashMap, env, fmt, path::PathBuf, sync::Arc};

/// Reads environment variables: the process's, or those that a test sets.
#[derive(Clone)]
pub struct Environment(Option<Arc<HashMap<String, String>>>);

impl Environment {
    /// Those of the process.
    pub fn of_the_process() -> Environment {
        Environment(None)
    }

    /// These and no others.
    pub fn of(pairs: &[(&str, &str)]) -> Environment {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Environment(Some(Arc::new(pairs.collect())))
    }

    /// The variable's value without white space around it; none where that leaves nothing.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Some(pairs) => pairs.get(name).cloned(),
            None => env::var(name).ok(),
        };
        value
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The user's own directory.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.value("HOME").map(PathBuf::from)
    }
}

/// No `Debug` shows the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}
