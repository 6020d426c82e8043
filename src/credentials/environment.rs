//! The environment variables of the process.

use std::{collections::HashMap, env, fmt, path::PathBuf, sync::Arc};

/// Reads environment variables: those of the process, or those that a test sets.
#[derive(Clone)]
pub struct Environment(Option<Arc<HashMap<String, String>>>);

impl Environment {
    pub fn of_the_process() -> Environment {
        Environment(None)
    }

    /// These and no others.
    pub fn of(pairs: &[(&str, &str)]) -> Environment {
        let mut variables = HashMap::new();
        for (name, value) in pairs {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        Environment(Some(Arc::new(variables)))
    }

    /// The value without surrounding white space. None where it is not set or empty.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Some(variables) => variables.get(name)?.clone(),
            None => env::var(name).ok()?,
        };
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        Some(value.to_owned())
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        self.value("HOME").map(PathBuf::from)
    }
}

/// Does not show the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}
