//! Hashes of passwords.

use std::fmt;

pub(super) const ADVICE: &str =
    "is not a valid bcrypt hash, expected for example the output of htpasswd -nBC 10 \"\"";

/// The bcrypt hash of a password. `Debug` does not show it: it would allow to try passwords offline.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    cost: u32,
}

impl PasswordHash {
    /// Reads `$2a$`, `$2b$` or `$2y$`, a cost of 4 to 31, salt and hash.
    pub(super) fn parse(text: &str) -> Result<PasswordHash, String> {
        let parts: bcrypt::HashParts = text.parse().map_err(|_| ADVICE.to_owned())?;
        if !["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            return Err(ADVICE.into());
        }
        let cost = parts.get_cost();
        if !(4..=31).contains(&cost) {
            return Err(format!("has bcrypt cost {cost}, must be 4 to 31"));
        }
        Ok(PasswordHash {
            text: text.to_owned(),
            cost,
        })
    }

    /// A hash that looks like any other and matches no known password.
    pub fn decoy(cost: u32) -> PasswordHash {
        PasswordHash {
            text: format!("$2b${cost:02}${}", ".".repeat(53)),
            cost,
        }
    }

    /// Comparing takes 2 to the power of this many rounds.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether it is the hash of `password`; bcrypt reads only the first 72 bytes. Takes tens of milliseconds or much longer,
    /// depending on the cost; the comparison takes constant time.
    pub fn matches(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.text).unwrap_or(false)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published test vectors.
    const HASHES: [(&str, &str, u32); 3] = [
        (
            "U*U",
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            5,
        ),
        (
            "U*U",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            5,
        ),
        (
            "abc",
            "$2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            6,
        ),
    ];

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        for (password, text, cost) in HASHES {
            let hash = PasswordHash::parse(text).unwrap();
            assert_eq!(hash.cost(), cost);
            assert!(hash.matches(password.as_bytes()), "{password}");
            assert!(!hash.matches(b"other"), "{password}");
        }
    }

    #[test]
    fn an_invalid_hash_is_refused() {
        let good = HASHES[2].1;
        let with = |from: &str, to: &str| good.replacen(from, to, 1);
        for bad in [
            "",
            "abc",
            &good[..59],
            &format!("{good}."),
            &with("$2y$", "$2x$"),
            &with("$2y$", "$1y$"),
            &with("$06$", "$03$"),
            &with("$06$", "$32$"),
            &with("$06$", "$-6$"),
            &with("If6", "I 6"),
            &with("If6b", "Ifé"),
        ] {
            assert!(PasswordHash::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_decoy_costs_what_it_says_and_matches_nothing_ordinary() {
        let decoy = PasswordHash::decoy(5);
        assert_eq!(PasswordHash::parse(&decoy.text), Ok(decoy.clone()));
        assert_eq!(decoy.cost(), 5);
        assert!(!decoy.matches(b"") && !decoy.matches(b"password"));
    }
}
