//! The exported functions, called as a C program calls them.

use anteroom_capi::*;

/// Zero bytes, as C programs begin with.
pub(crate) fn zeroed<T>() -> T {
    // SAFETY: used for the interface's structs alone, which are made of numbers and pointers.
    unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
}

pub(crate) fn settings() -> AnteroomSettings {
    AnteroomSettings {
        struct_size: size_of::<AnteroomSettings>(),
        customer_id: AnteroomText::of("acme"),
        secret_key: AnteroomText::of("k"),
        ..zeroed()
    }
}

pub(crate) fn request(method: &str, url: &str) -> AnteroomRequest {
    AnteroomRequest {
        struct_size: size_of::<AnteroomRequest>(),
        method: AnteroomText::of(method),
        url: AnteroomText::of(url),
        now_seconds: 1_700_000_000,
        ..zeroed()
    }
}

pub(crate) fn pair(name: &str, value: &str) -> AnteroomPair {
    AnteroomPair { name: AnteroomText::of(name), value: AnteroomText::of(value) }
}

/// A text that the library gave out; each is followed by a zero byte.
pub(crate) fn read(text: AnteroomText) -> String {
    if text.ptr.is_null() {
        assert_eq!(text.len, 0);
        return String::new();
    }
    // SAFETY: the library promises so many bytes and one more.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), text.len + 1) };
    assert_eq!(bytes[text.len], 0, "a text must be followed by a zero byte");
    String::from_utf8(bytes[..text.len].to_vec()).unwrap()
}

/// Takes a text over and gives it back twice.
pub(crate) fn take(mut text: AnteroomOwnedText) -> String {
    let taken = read(AnteroomText { ptr: text.ptr, len: text.len });
    for _ in 0..2 {
        // SAFETY: the library wrote it, or emptied it.
        unsafe { anteroom_text_free(&mut text) };
    }
    taken
}

/// Runs a call that may fail; its status and message are the error.
pub(crate) fn checked(
    call: impl FnOnce(*mut AnteroomOwnedText) -> AnteroomStatus,
) -> Result<(), (AnteroomStatus, String)> {
    let mut error = AnteroomOwnedText::EMPTY;
    let status = call(&mut error);
    let message = take(error);
    assert_eq!(status == ANTEROOM_STATUS_OK, message.is_empty(), "{status}: {message}");
    if status == ANTEROOM_STATUS_OK { Ok(()) } else { Err((status, message)) }
}

pub(crate) struct Engine(*mut AnteroomEngine);

// SAFETY: an engine may be used by any number of threads, says the interface.
unsafe impl Sync for Engine {}

impl Engine {
    pub(crate) fn create(settings: &AnteroomSettings) -> Result<Self, (AnteroomStatus, String)> {
        let mut engine = std::ptr::null_mut();
        // SAFETY: all of it is readable or writable.
        checked(|error| unsafe { anteroom_engine_create(settings, &mut engine, error) })?;
        Ok(Self(engine))
    }

    pub(crate) const fn raw(&self) -> *const AnteroomEngine {
        self.0
    }

    pub(crate) fn update(&self, config: &str) -> Result<(), (AnteroomStatus, String)> {
        // SAFETY: the engine was not freed.
        checked(|error| unsafe { anteroom_engine_update(self.0, AnteroomText::of(config), error) })
    }

    pub(crate) fn warnings(&self) -> String {
        let mut warnings = AnteroomOwnedText::EMPTY;
        // SAFETY: the engine was not freed.
        checked(|error| unsafe { anteroom_engine_warnings(self.0, &mut warnings, error) }).unwrap();
        take(warnings)
    }

    pub(crate) fn state(&self) -> AnteroomEngineState {
        let mut state: AnteroomEngineState = zeroed();
        state.struct_size = size_of::<AnteroomEngineState>();
        // SAFETY: the engine was not freed.
        checked(|error| unsafe { anteroom_engine_describe(self.0, &mut state, error) }).unwrap();
        state
    }

    pub(crate) fn decide(&self, request: &AnteroomRequest) -> Result<Decision, (AnteroomStatus, String)> {
        let mut decision = Decision(zeroed());
        decision.0.struct_size = size_of::<AnteroomDecision>();
        // SAFETY: the engine was not freed, and all else is readable or writable.
        let result = checked(|error| unsafe { anteroom_decide(self.0, request, &mut decision.0, error) });
        assert!(result.is_ok() || decision.0.outcome == ANTEROOM_OUTCOME_NONE);
        result.map(|()| decision)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for _ in 0..2 {
            // SAFETY: it was given out, or is null since it was given back.
            unsafe { anteroom_engine_free(&mut self.0) };
        }
    }
}

pub(crate) struct Decision(pub(crate) AnteroomDecision);

impl Decision {
    pub(crate) fn set_cookies(&self) -> Vec<String> {
        if self.0.set_cookies_len == 0 {
            return Vec::new();
        }
        // SAFETY: the library promises so many.
        let cookies = unsafe { std::slice::from_raw_parts(self.0.set_cookies, self.0.set_cookies_len) };
        cookies.iter().map(|cookie| read(*cookie)).collect()
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        if self.0.headers_len == 0 {
            return Vec::new();
        }
        // SAFETY: the library promises so many.
        let headers = unsafe { std::slice::from_raw_parts(self.0.headers, self.0.headers_len) };
        headers.iter().map(|header| (read(header.name), read(header.value))).collect()
    }
}

impl Drop for Decision {
    fn drop(&mut self) {
        for _ in 0..2 {
            // SAFETY: the library wrote it, or emptied it.
            unsafe { anteroom_decision_free(&mut self.0) };
        }
    }
}
