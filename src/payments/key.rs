//! The ids that providers give, which are global: whose they are, and up to when we followed them.

use crate::error::{Error, Result};
use crate::sql;

#[derive(Clone, Copy)]
pub enum Kind {
    Customer,
    Subscription,
    Invoice,
    Payment,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Subscription => "subscription",
            Kind::Invoice => "invoice",
            Kind::Payment => "payment",
        }
    }
}

/// A provider's id of something.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub provider: &'a str,
    pub kind: Kind,
    pub id: &'a str,
}

/// When a provider made an event: the second, and what comes first within it.
#[derive(Clone, Copy)]
pub struct Moment {
    pub created: i64,
    pub rank: i16,
}

impl<'a> Key<'a> {
    /// # Errors
    /// 22023 for a provider's name or an id that can't be stored.
    pub fn new(provider: &'a str, kind: Kind, id: &'a str) -> Result<Key<'a>> {
        require_provider(provider)?;
        require_text(id, &format!("the {} id", kind.name()))?;
        Ok(Key { provider, kind, id })
    }

    /// The tenant that it belongs to.
    pub fn tenant(&self) -> Result<Option<pgrx::Uuid>> {
        sql::write_one(
            "SELECT tenant_id FROM saas.provider_keys WHERE provider = $1 AND kind = $2 AND provider_key = $3",
            &[self.provider.into(), self.kind.name().into(), self.id.into()],
        )
    }

    /// Notes that it was followed up to `moment`; false if it was followed further already. Who is told
    /// true holds it until the end of the transaction.
    pub fn advance(&self, tenant: pgrx::Uuid, moment: Moment) -> Result<bool> {
        let touched = sql::run(
            include_str!("../../sql/payments/advance_key.sql"),
            &[
                self.provider.into(),
                self.kind.name().into(),
                self.id.into(),
                tenant.into(),
                moment.created.into(),
                moment.rank.into(),
            ],
        )?;
        Ok(touched == 1)
    }

    pub fn is_of_another_tenant(&self) -> Error {
        let Key { provider, kind, id } = self;
        Error::Conflict(format!("{} \"{id}\" of {provider} belongs to another tenant", kind.name()))
    }
}

/// # Errors
/// 22023 for what can't be a provider's name.
pub fn require_provider(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    if bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        return Ok(());
    }
    Err(Error::Invalid("provider is a name of small letters, digits and _, like stripe".into()))
}

/// # Errors
/// 22023 for what is empty or longer than ids are.
pub fn require_text(text: &str, name: &str) -> Result<()> {
    if text.is_empty() || text.chars().count() > 500 {
        return Err(Error::Invalid(format!("{name} is empty or longer than 500 characters")));
    }
    Ok(())
}
