//! Every error that a caller can meet, with its SQLSTATE.

use crate::billing::error::BillingError;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is authenticated.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The proof is unknown, expired, revoked or of a deleted user.
    #[error("{0}")]
    Refused(&'static str),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Denied(String),
    /// The caller is known and lacks a permission in a tenant. A tenant that does not exist looks the same.
    #[error("permission \"{permission}\" is required in this tenant")]
    LackingInTenant {
        permission: String,
        tenant: Uuid,
        /// Whether the caller is somebody there at all; for the log, not for him.
        is_member: bool,
    },
    /// The caller is known and lacks a permission on the platform.
    #[error("platform permission \"{0}\" is required")]
    LackingOnPlatform(String),
    /// No such permission, role, plan or feature. The second part is the nearest known key.
    #[error("{0}")]
    Unknown(String, Option<String>),
    /// An argument that can't be meant.
    #[error("{0}")]
    Invalid(String),
    /// A key of a JSON argument that means nothing. The second part is the nearest that does.
    #[error("{0}")]
    UnknownKey(String, Option<String>),
    /// An argument that is NULL and must not be.
    #[error("{0} must not be NULL")]
    Missing(&'static str),
    /// Text that is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// A number beyond what can be stored.
    #[error("{0}")]
    OutOfRange(String),
    /// The row that an argument names does not exist.
    #[error("{0}")]
    NoSuchRow(String),
    /// A limit of the plan is reached.
    #[error("{0}")]
    Limit(String, &'static str),
    /// The thing is not in a state that allows this.
    #[error("{0}")]
    State(String, &'static str),
    /// The same key stands for something else already.
    #[error("{0}")]
    Conflict(String),
    /// What would break a rule that the data keeps.
    #[error("{0}")]
    Violation(String, &'static str),
    /// The billing engine refuses its input.
    #[error("{0}")]
    Billing(crate::billing::error::BillingError),
    /// PostgreSQL's own interface failed in a way that no caller can cause.
    #[error(transparent)]
    Spi(#[from] pgrx::spi::SpiError),
}

pub type Result<T> = std::result::Result<T, Error>;

/// An argument that must not be NULL, in a function that is not STRICT.
///
/// # Errors
/// 23502 with the argument's name.
pub fn given<T>(value: Option<T>, name: &'static str) -> Result<T> {
    value.ok_or(Error::Missing(name))
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Error::Unauthenticated(_) | Error::Refused(_) => {
                Code::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION
            }
            Error::Denied(_) | Error::LackingInTenant { .. } | Error::LackingOnPlatform(_) => {
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE
            }
            Error::Unknown(..) => Code::ERRCODE_UNDEFINED_OBJECT,
            Error::Invalid(_) | Error::UnknownKey(..) => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::Missing(_) => Code::ERRCODE_NOT_NULL_VIOLATION,
            Error::Malformed(_) => Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Error::OutOfRange(_) => Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Error::NoSuchRow(_) => Code::ERRCODE_FOREIGN_KEY_VIOLATION,
            Error::Limit(..) => Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            Error::State(..) => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Error::Conflict(_) => Code::ERRCODE_UNIQUE_VIOLATION,
            Error::Violation(..) => Code::ERRCODE_CHECK_VIOLATION,
            Error::Billing(error) => match error {
                BillingError::Invalid { .. } => Code::ERRCODE_INVALID_PARAMETER_VALUE,
                BillingError::Malformed { .. } => Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                BillingError::OutOfRange { .. } => Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            },
            Error::Spi(_) => Code::ERRCODE_INTERNAL_ERROR,
        }
    }

    /// The five characters.
    pub fn sqlstate(&self) -> String {
        crate::subtransaction::sqlstate(self.code() as i32)
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Unauthenticated(_) => {
                Some("Call saas.begin_request(token) first, in the same transaction.".into())
            }
            Error::Billing(error) => Some(error.hint().to_owned()),
            Error::Unknown(_, Some(nearest)) | Error::UnknownKey(_, Some(nearest)) => {
                Some(format!("Did you mean \"{nearest}\"?"))
            }
            Error::Limit(_, hint) | Error::State(_, hint) | Error::Violation(_, hint)
                if !hint.is_empty() =>
            {
                Some((*hint).into())
            }
            _ => None,
        }
    }
}

impl From<Error> for ErrorReport {
    #[track_caller]
    fn from(error: Error) -> Self {
        crate::audit::denial::note(&error);
        let report = ErrorReport::new(error.code(), error.to_string(), "saas_core");
        match error.hint() {
            Some(hint) => report.set_hint(hint),
            None => report,
        }
    }
}
