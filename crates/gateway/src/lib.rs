//! The connector as a reverse proxy
