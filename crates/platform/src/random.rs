//! Fresh secrets from the system's source of randomness.

use data_encoding::BASE64URL_NOPAD;

/// The system gave no randomness. Nothing secret can be made then, and nothing is.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

/// As many random bytes as asked for.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

/// The secret an account shares with its connectors: two UUID texts one after the other, 72 characters, as
/// protocol section 1 has it.
pub(crate) fn secret_key() -> Result<String, NoRandomness> {
    let first = anteroom_protocol::id::QueueId::from_random(bytes()?);
    let second = anteroom_protocol::id::QueueId::from_random(bytes()?);
    Ok(format!("{first}{second}"))
}

/// A key for scripts and for the download of configuration: 256 random bits.
pub(crate) fn api_key() -> Result<String, NoRandomness> {
    Ok(BASE64URL_NOPAD.encode(&bytes::<32>()?))
}

/// The value of an operator's session cookie: 256 random bits.
pub(crate) fn session() -> Result<String, NoRandomness> {
    Ok(BASE64URL_NOPAD.encode(&bytes::<32>()?))
}

/// A password that a person can type from a screen: four groups of five letters and digits, none of which is
/// easily taken for another. 100 random bits.
pub(crate) fn password() -> Result<String, NoRandomness> {
    // 32 signs, so that five bits of each byte choose one without bias.
    const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    const GROUP: usize = 5;
    let bytes = bytes::<20>()?;
    let mut password = String::with_capacity(bytes.len() + bytes.len() / GROUP);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % GROUP == 0 {
            password.push('-');
        }
        password.push(char::from(SIGNS[usize::from(byte % 32)]));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_shapes() {
        let secret = secret_key().unwrap();
        assert_eq!(secret.len(), 72);
        assert_eq!(secret.split('-').count(), 9);
        assert_eq!(api_key().unwrap().len(), 43);
        let password = password().unwrap();
        assert_eq!(password.len(), 23);
        assert_eq!(password.split('-').count(), 4);
    }
}
