//! How an error is told to the person who started the program: the whole chain of causes, in one go.

use std::error::Error;

/// Any error that ends the program.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The error and its causes, each on a line of its own.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str("\n  because ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_too() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not open the shop")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("the key is lost"));
        assert_eq!(chain(&error), "could not open the shop\n  because the key is lost");
    }
}
