//! Who may do what, as a table. Pure: it is told who asks and what for, and answers yes or no.
//!
//! There is one role so far. An operator may do everything on every account of the installation; an API key may do
//! everything on its own account and nothing on any other, and never sees whether another exists.

use anteroom_protocol::id::CustomerId;

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A person who signed in to the console.
    Operator {
        /// The name they signed in with.
        name: String,
    },
    /// A script that sent an API key.
    Script {
        /// The account the key belongs to.
        customer: CustomerId,
        /// What the key is called in the list of keys.
        label: String,
    },
}

impl Caller {
    /// How the audit list names the caller.
    pub(crate) fn audit_name(&self) -> String {
        match self {
            Self::Operator { name } => name.clone(),
            Self::Script { label, .. } => format!("API key “{label}”"),
        }
    }
}

/// What somebody wants to do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Look at the account, its rooms, versions, connectors and audit list.
    Look,
    /// Add a room or change what it is.
    ChangeRooms,
    /// Change the outflow of a room, pause it, resume it.
    SteerRooms,
    /// Edit the draft of the protection scope.
    EditDraft,
    /// Put the draft in force at the connectors.
    Publish,
}

/// Whether `caller` may do `deed` on the account `customer`.
pub(crate) fn is_allowed(caller: &Caller, deed: Deed, customer: &CustomerId) -> bool {
    match (caller, deed) {
        (Caller::Operator { .. }, _) => true,
        (
            Caller::Script { customer: own, .. },
            Deed::Look | Deed::ChangeRooms | Deed::SteerRooms | Deed::EditDraft | Deed::Publish,
        ) => own == customer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEEDS: [Deed; 5] =
        [Deed::Look, Deed::ChangeRooms, Deed::SteerRooms, Deed::EditDraft, Deed::Publish];

    #[test]
    fn operator_may_do_everything_everywhere() {
        let operator = Caller::Operator { name: "ada".into() };
        for deed in DEEDS {
            assert!(is_allowed(&operator, deed, &"acme".parse().unwrap()));
        }
    }

    #[test]
    fn api_key_opens_its_own_account_only() {
        let script = Caller::Script { customer: "acme".parse().unwrap(), label: "deploy".into() };
        for deed in DEEDS {
            assert!(is_allowed(&script, deed, &"acme".parse().unwrap()));
            assert!(!is_allowed(&script, deed, &"acme-2".parse().unwrap()));
        }
    }
}
