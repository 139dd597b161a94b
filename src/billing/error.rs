//! What can go wrong in the pure billing arithmetic, in terms that map to a SQLSTATE.

/// Result of the pure billing functions.
pub type Result<T> = std::result::Result<T, BillingError>;

/// An error of the pure billing functions: what is wrong, and a hint that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillingError {
    /// A well-formed argument that no billing rule gives a meaning to (22023).
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Text that does not parse (22P02).
    #[error("{message}")]
    Malformed {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A value or a result that the type can't hold exactly (22003).
    #[error("{message}")]
    OutOfRange {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: &'static str,
    },
}

impl BillingError {
    pub(super) fn invalid(message: impl Into<String>, hint: &'static str) -> Self {
        let message = message.into();
        Self::Invalid { message, hint }
    }

    pub(super) fn malformed(message: impl Into<String>, hint: &'static str) -> Self {
        let message = message.into();
        Self::Malformed { message, hint }
    }

    pub(super) fn out_of_range(message: impl Into<String>, hint: &'static str) -> Self {
        let message = message.into();
        Self::OutOfRange { message, hint }
    }

    /// The five characters of the SQLSTATE.
    #[must_use]
    pub const fn sqlstate(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "22023",
            Self::Malformed { .. } => "22P02",
            Self::OutOfRange { .. } => "22003",
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Invalid { hint, .. }
            | Self::Malformed { hint, .. }
            | Self::OutOfRange { hint, .. } => hint,
        }
    }
}

/// The start of a text that a user sent: a message must not carry a hundred megabytes of it.
pub(super) fn shorten(text: &str) -> String {
    const LIMIT: usize = 60;
    let mut short: String = text.chars().take(LIMIT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_has_its_sqlstate_message_and_hint() {
        for (error, sqlstate) in [
            (BillingError::invalid("m", "h"), "22023"),
            (BillingError::malformed("m", "h"), "22P02"),
            (BillingError::out_of_range("m", "h"), "22003"),
        ] {
            assert_eq!(error.sqlstate(), sqlstate);
            assert_eq!((error.to_string().as_str(), error.hint()), ("m", "h"));
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shorten("abc"), "abc");
        assert_eq!(shorten(&"ä".repeat(1000)).chars().count(), 61);
    }
}
