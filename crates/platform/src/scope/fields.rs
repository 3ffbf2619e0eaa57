//! The fields an integration config may have, in the order in which official documents carry them, and what stands
//! there when an author left one out (protocol 4.1).

/// What an absent field becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Null,
    False,
    Empty,
    /// A list of things that have fields of their own; see [`Object::list`].
    List,
}

/// One kind of object in the document.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) fields: &'static [(&'static str, Absent)],
    /// The field that holds further objects, and of which kind they are.
    pub(super) list: Option<(&'static str, &'static Object)>,
    /// Fields with a fixed set of values.
    pub(super) choices: &'static [(&'static str, &'static [&'static str])],
}

pub(super) static INTEGRATION: Object = Object {
    fields: &[
        ("Name", Absent::Empty),
        ("ActionType", Absent::Null),
        ("EventId", Absent::Null),
        ("InvolvedWaitingRoomIds", Absent::Null),
        ("CookieDomain", Absent::Null),
        ("LayoutName", Absent::Null),
        ("Culture", Absent::Null),
        ("ExtendCookieValidity", Absent::Null),
        ("CookieValidityMinute", Absent::Null),
        ("IsCookieHttpOnly", Absent::False),
        ("IsCookieSecure", Absent::False),
        ("Triggers", Absent::List),
        ("QueueDomain", Absent::Null),
        ("QueuePathPrefix", Absent::Null),
        ("RedirectLogic", Absent::Null),
        ("ForcedTargetUrl", Absent::Null),
        ("VerifyQueueIdEnabled", Absent::Null),
        ("QueueIdUsageLimit", Absent::Null),
        ("IsNormalizationEnabled", Absent::False),
    ],
    list: Some(("Triggers", &TRIGGER)),
    choices: &[
        ("ActionType", &["Queue", "Cancel", "Ignore"]),
        // The misspelt one is in documents that are in use, and connectors accept it.
        ("RedirectLogic", &["AllowTParameter", "EventTargetUrl", "ForcedTargetUrl", "ForecedTargetUrl"]),
    ],
};

static TRIGGER: Object = Object {
    fields: &[("TriggerParts", Absent::List), ("LogicalOperator", Absent::Null)],
    list: Some(("TriggerParts", &TRIGGER_PART)),
    choices: &[("LogicalOperator", &["And", "Or"])],
};

static TRIGGER_PART: Object = Object {
    fields: &[
        ("ValidatorType", Absent::Null),
        ("Operator", Absent::Null),
        ("ValueToCompare", Absent::Null),
        ("ValuesToCompare", Absent::Null),
        ("IsNegative", Absent::False),
        ("IsIgnoreCase", Absent::False),
        ("UrlPart", Absent::Null),
        ("CookieName", Absent::Null),
        ("HttpHeaderName", Absent::Null),
        ("VariableName", Absent::Null),
    ],
    list: None,
    choices: &[
        (
            "ValidatorType",
            &[
                "UrlValidator",
                "CookieValidator",
                "HttpHeaderValidator",
                "UserAgentValidator",
                "RequestBodyValidator",
                "JSVariableValidator",
            ],
        ),
        ("Operator", &["Contains", "Equals", "ContainsAny", "EqualsAny"]),
        ("UrlPart", &["PagePath", "PageUrl", "HostName"]),
    ],
};
