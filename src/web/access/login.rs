//! The header `Authorization` of HTTP basic authentication.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;

/// A user name and a password, wiped on drop. Neither has to be UTF-8.
pub(super) struct Login {
    decoded: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Login {
    /// Parses `Basic BASE64(USER:PASSWORD)`. The user ends at the first colon, so only passwords can
    /// contain one. None for anything else.
    pub(super) fn parse(header: &HeaderValue) -> Option<Login> {
        let (scheme, encoded) = header.as_bytes().split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        Some(Login { decoded, colon })
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

    fn parse(header: &str) -> Option<(String, String)> {
        let login = Login::parse(&HeaderValue::from_str(header).unwrap())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(login.user()), text(login.password())))
    }

    #[test]
    fn the_user_ends_at_the_first_colon() {
        let cases = [
            ("Basic YWxpY2U6c2VjcmV0", ("alice", "secret")),
            ("bAsIc YTpiOmM=", ("a", "b:c")),
            ("Basic Og==", ("", "")),
            ("Basic 5a+GOuegge+8mg==", ("密", "码：")),
        ];
        for (header, (user, password)) in cases {
            assert_eq!(
                parse(header),
                Some((user.into(), password.into())),
                "{header}"
            );
        }
    }

    #[test]
    fn anything_else_is_rejected() {
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
            assert!(parse(header).is_none(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let Ok(header) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let _ = Login::parse(&header);
        }

        #[test]
        fn an_encoded_login_is_parsed_back(user in "[^:]{0,20}", password in ".{0,20}") {
            let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            prop_assert_eq!(parse(&header), Some((user, password)));
        }
    }
}
