// The fields of an action in the order in which a person reads them: what it is, then where it leads, then when. Pure.

const ORDER = [
  "Name", "ActionType", "EventId", "InvolvedWaitingRoomIds", "QueueDomain", "QueuePathPrefix",
  "CookieDomain", "CookieValidityMinute", "ExtendCookieValidity", "IsCookieHttpOnly", "IsCookieSecure",
  "RedirectLogic", "ForcedTargetUrl", "LayoutName", "Culture", "VerifyQueueIdEnabled", "QueueIdUsageLimit",
  "IsNormalizationEnabled", "Triggers",
  "LogicalOperator", "TriggerParts",
  "ValidatorType", "UrlPart", "CookieName", "HttpHeaderName", "VariableName",
  "Operator", "ValueToCompare", "ValuesToCompare", "IsNegative", "IsIgnoreCase",
];

/** The same value with the fields of its objects in order; those that are not known come last. */
export function inOrder(value) {
  if (Array.isArray(value)) return value.map(inOrder);
  if (value === null || typeof value !== "object") return value;
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const names = Object.keys(value).sort((one, other) => place(one) - place(other));
  return Object.fromEntries(names.map((name) => [name, inOrder(value[name])]));
}
