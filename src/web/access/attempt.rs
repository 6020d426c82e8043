//! The header `Authorization`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;

/// A user and a password, wiped on drop. Neither has to be text.
pub(super) struct Attempt {
    decoded: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Attempt {
    /// Reads `Basic BASE64(USER:PASSWORD)`; the user has no colon. None for anything else.
    pub(super) fn read(header: &HeaderValue) -> Option<Attempt> {
        let (scheme, encoded) = header.as_bytes().split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        Some(Attempt { decoded, colon })
    }

    pub(super) fn user(&self) -> &[u8] {
        &self.decoded[..self.colon]
    }

    pub(super) fn password(&self) -> &[u8] {
        &self.decoded[self.colon + 1..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, proptest};

    use super::*;

    fn read(header: &str) -> Option<(String, String)> {
        let attempt = Attempt::read(&HeaderValue::from_str(header).unwrap())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(attempt.user()), text(attempt.password())))
    }

    #[test]
    fn a_user_ends_at_the_first_colon() {
        let cases = [
            ("Basic YWxpY2U6c2VjcmV0", ("alice", "secret")),
            ("bAsIc YTpiOmM=", ("a", "b:c")),
            ("Basic Og==", ("", "")),
            ("Basic 5a+GOuegge+8mg==", ("密", "码：")),
        ];
        for (header, (user, password)) in cases {
            assert_eq!(
                read(header),
                Some((user.into(), password.into())),
                "{header}"
            );
        }
    }

    #[test]
    fn anything_else_is_nobody() {
        for header in [
            "",
            "Basic",
            "Basic ",
            "Bearer YWxpY2U6c2VjcmV0",
            "YWxpY2U6c2VjcmV0",
            "Basic  YWxpY2U6c2VjcmV0",
            "Basic YWxpY2U6c2VjcmV0 ",
            "Basic YWxpY2U",
            "Basic YWxpY2U=",
            "Basic Og",
            "Basic !!!!",
            "Digest username=\"alice\"",
        ] {
            assert!(read(header).is_none(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let Ok(header) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let _ = Attempt::read(&header);
        }

        #[test]
        fn what_was_encoded_is_read(user in "[^:]{0,20}", password in ".{0,20}") {
            let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            prop_assert_eq!(read(&header), Some((user, password)));
        }
    }
}
