//! A whole waiting room under one seed, in virtual time, with its invariants checked
