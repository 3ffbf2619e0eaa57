//! The limit on actual redirects (I1). Knows nothing of places.
