//! Who has been called, who came, and who did not.
