//! The names that users give to accounts and scans.

use std::fmt;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// 1 to 128 characters, without control characters and without spaces at either end.
            pub fn parse(text: &str) -> Result<Self, String> {
                Ok(Self(label(text)?))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label!(
    /// The name of an account, and the value of the label `account`.
    AccountName
);
label!(
    /// The name of a scan within its account, and the value of the label `scan`.
    ScanName
);
fn label(text: &str) -> Result<String, String> {
    let fault = if text.is_empty() {
        "is empty"
    } else if text.chars().count() > 128 {
        "is longer than 128 characters"
    // Such a label looks right on a dashboard, and matches no query that a person types.
    } else if text.trim() != text {
        "starts or ends with a space"
    } else if text.chars().any(char::is_control) {
        "contains a control character"
    } else {
        return Ok(text.to_owned());
    };
    Err(format!("{text:?} {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_printable() {
        for bad in ["", " a", "a\n", "a\u{7}b", &"x".repeat(129)] {
            assert!(AccountName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(AccountName::parse("生产 \"prod\" \\").is_ok());
    }
}
