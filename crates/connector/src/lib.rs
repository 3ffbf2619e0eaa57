//! One request in, one decision out: the connector of a protected site, without transport
