//! Keys derived from a `SecretKey`: for a day, for a service on that day, and for requests to it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroize};
use sha2::Sha256;

use super::{Scope, Secret, StringToSign};

/// Signs requests within one scope. Wiped on drop; `Debug` does not show it.
pub struct SigningKey(DerivedKey);

type DerivedKey = SecretBox<[u8; 32]>;

impl SigningKey {
    pub fn derive(secret_key: &Secret, scope: &Scope) -> SigningKey {
        let [_, _, signing] = derive(secret_key, scope);
        SigningKey(signing)
    }

    /// Returns 64 hexadecimal digits.
    pub fn sign(&self, string_to_sign: &StringToSign) -> String {
        hex::encode(hmac(self.0.expose_secret(), string_to_sign.as_bytes()).expose_secret())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// `SecretDate`, `SecretService` and `SecretSigning` of the documentation.
pub(super) fn derive(secret_key: &Secret, scope: &Scope) -> [DerivedKey; 3] {
    let root = SecretString::from(["TC3", secret_key.reveal()].concat());
    let date = hmac(
        root.expose_secret().as_bytes(),
        scope.date().to_string().as_bytes(),
    );
    let service = hmac(date.expose_secret(), scope.service().as_bytes());
    let signing = hmac(service.expose_secret(), b"tc3_request");
    [date, service, signing]
}

fn hmac(key: &[u8], message: &[u8]) -> DerivedKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    let mut output = mac.finalize().into_bytes();
    let key = SecretBox::init_with_mut(|key: &mut [u8; 32]| key.copy_from_slice(&output));
    // The boxed key is wiped on drop; this copy on the stack would stay.
    output.as_mut_slice().zeroize();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_a_key() {
        let scope = Scope::new("tcss", jiff::Timestamp::UNIX_EPOCH);
        let key = SigningKey::derive(&Secret::new("hunter2".into()), &scope);
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }
}
