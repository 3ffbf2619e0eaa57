//! Between what a caller points at and values.
//!
//! Whatever can be seen is checked (null pointers, alignment, impossible lengths, sizes of structs, UTF-8). What cannot
//! be seen, that a pointer leads to as much memory as was said and stays so during the call, is the caller's promise.

use std::ffi::c_char;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::abi::{
    AnteroomDecision, AnteroomEngineState, AnteroomEnqueueToken, AnteroomOwnedText, AnteroomPair,
    AnteroomRequest, AnteroomSettings, AnteroomText,
};
use crate::failure::Failure;

/// A struct of the interface that may grow.
///
/// # Safety
/// It is `repr(C)`, begins with a `usize`, its size in bytes, and is made of numbers and raw pointers alone, so that
/// zero bytes are a value of it.
pub(crate) unsafe trait Versioned: Copy {
    const NAME: &'static str;
    /// Its size in the first version that had it.
    const SIZE_MIN: usize = size_of::<Self>();
}

// SAFETY: its definition is as the trait wants it.
unsafe impl Versioned for AnteroomSettings {
    const NAME: &'static str = "AnteroomSettings";
}
// SAFETY: its definition is as the trait wants it.
unsafe impl Versioned for AnteroomRequest {
    const NAME: &'static str = "AnteroomRequest";
}
// SAFETY: its definition is as the trait wants it.
unsafe impl Versioned for AnteroomEnqueueToken {
    const NAME: &'static str = "AnteroomEnqueueToken";
}
// SAFETY: its definition is as the trait wants it.
unsafe impl Versioned for AnteroomDecision {
    const NAME: &'static str = "AnteroomDecision";
}
// SAFETY: its definition is as the trait wants it.
unsafe impl Versioned for AnteroomEngineState {
    const NAME: &'static str = "AnteroomEngineState";
}

/// No struct of the interface will ever be larger, in bytes: what says so is no size.
const STRUCT_BYTES_MAX: usize = 4096;

/// What a caller lends for the time of one call.
#[derive(Clone, Copy)]
pub(crate) struct Lent<'a>(PhantomData<&'a [u8]>);

impl<'a> Lent<'a> {
    /// # Safety
    /// Every pointer that is handed to the methods, also within structs, is null or leads to as much memory as stands
    /// beside it, and nobody writes to that memory as long as `'a`.
    pub(crate) const unsafe fn new() -> Self {
        Self(PhantomData)
    }

    /// A copy of a caller's struct, of whatever version.
    pub(crate) fn read<T: Versioned>(self, pointer: *const T) -> Result<T, Failure> {
        if pointer.is_null() {
            return Err(Failure::null(T::NAME));
        }
        // SAFETY: it leads to a struct that begins with its size; alignment is not relied on.
        let size = unsafe { pointer.cast::<usize>().read_unaligned() };
        check_size::<T>(size)?;
        let mut copy = MaybeUninit::<T>::zeroed();
        let known = size.min(size_of::<T>());
        // SAFETY: the caller's struct has `size` bytes and ours `size_of::<T>()`, and they are not the same memory.
        unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known) };
        for at in known..size {
            // SAFETY: it is within the caller's struct.
            if unsafe { pointer.cast::<u8>().wrapping_add(at).read() } != 0 {
                let text =
                    format!("{} says something that only a later version of the library knows", T::NAME);
                return Err(Failure::Unsupported(text));
            }
        }
        // SAFETY: all of it is zero bytes or the caller's, and any bytes are a value of such a type.
        Ok(unsafe { copy.assume_init() })
    }

    /// Bytes that a text or body is made of.
    #[inline]
    pub(crate) fn bytes(self, text: AnteroomText, what: &'static str) -> Result<&'a [u8], Failure> {
        if text.len == 0 {
            return Ok(&[]);
        }
        check_array::<u8>(text.ptr.cast(), text.len, what)?;
        // SAFETY: it leads to that many bytes, see `new`.
        Ok(unsafe { std::slice::from_raw_parts(text.ptr.cast(), text.len) })
    }

    /// A text.
    #[inline]
    pub(crate) fn text(self, text: AnteroomText, what: &'static str) -> Result<&'a str, Failure> {
        std::str::from_utf8(self.bytes(text, what)?).map_err(|_| Failure::Utf8 { what })
    }

    /// A text that is not given when it is empty.
    pub(crate) fn given(self, text: AnteroomText, what: &'static str) -> Result<Option<&'a str>, Failure> {
        self.text(text, what).map(|text| Some(text).filter(|text| !text.is_empty()))
    }

    /// Pairs, each with pointers that can be followed.
    #[inline]
    pub(crate) fn pairs(
        self,
        first: *const AnteroomPair,
        len: usize,
        what: &'static str,
    ) -> Result<&'a [AnteroomPair], Failure> {
        if len == 0 {
            return Ok(&[]);
        }
        check_array(first, len, what)?;
        // SAFETY: it leads to that many pairs, see `new`, and is aligned.
        let pairs = unsafe { std::slice::from_raw_parts(first, len) };
        for pair in pairs {
            self.bytes(pair.name, what)?;
            self.bytes(pair.value, what)?;
        }
        Ok(pairs)
    }

    /// Something that the library gave out.
    pub(crate) fn handle<T>(self, pointer: *const T, what: &str) -> Result<&'a T, Failure> {
        if pointer.is_null() {
            return Err(Failure::null(what));
        }
        if !pointer.is_aligned() {
            return Err(Failure::Argument(format!("{what} is no pointer that the library gave out")));
        }
        // SAFETY: it leads to one, see `new`.
        Ok(unsafe { &*pointer })
    }
}

fn check_size<T: Versioned>(size: usize) -> Result<(), Failure> {
    if (T::SIZE_MIN..=STRUCT_BYTES_MAX).contains(&size) {
        return Ok(());
    }
    let name = T::NAME;
    Err(Failure::Argument(format!(
        "struct_size of {name} is {size}, expected sizeof({name}), {}",
        size_of::<T>()
    )))
}

#[inline]
fn check_array<T>(first: *const T, len: usize, what: &str) -> Result<(), Failure> {
    if first.is_null() {
        return Err(Failure::Argument(format!("{what}: a null pointer with a length above 0")));
    }
    if !first.is_aligned() || len > isize::MAX.unsigned_abs() / size_of::<T>() {
        return Err(Failure::Argument(format!("{what}: no such array can be")));
    }
    Ok(())
}

/// Writes a struct into the caller's, as far as the caller's version knows it.
///
/// # Safety
/// `pointer` must be null or lead to a writable struct that begins with its size.
pub(crate) unsafe fn write<T: Versioned>(pointer: *mut T, value: T) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::null(T::NAME));
    }
    // SAFETY: as the caller promised.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check_size::<T>(size)?;
    let own = std::ptr::from_ref(&value).cast::<u8>();
    let known = size.min(size_of::<T>()) - size_of::<usize>();
    let behind_size = pointer.cast::<u8>().wrapping_add(size_of::<usize>());
    // SAFETY: both begin with their size, which stays the caller's, and have `known` bytes behind it.
    unsafe { std::ptr::copy_nonoverlapping(own.wrapping_add(size_of::<usize>()), behind_size, known) };
    Ok(())
}

/// Gives something out behind a pointer, for [`take`].
///
/// # Safety
/// `place` must be writable and aligned.
pub(crate) unsafe fn give<T>(place: *mut *mut T, value: Box<T>) {
    // SAFETY: as the caller promised.
    unsafe { place.write(Box::into_raw(value)) };
}

/// Takes back what [`give`] gave out and leaves null there; nothing where there was nothing.
///
/// # Safety
/// `place` must be null, or writable, aligned, and hold null or what [`give`] wrote and nobody took since.
pub(crate) unsafe fn take<T>(place: *mut *mut T) -> Option<Box<T>> {
    if place.is_null() {
        return None;
    }
    // SAFETY: as the caller promised.
    let pointer = unsafe { place.replace(std::ptr::null_mut()) };
    if pointer.is_null() {
        return None;
    }
    // SAFETY: it came from `Box::into_raw`, and nobody else has it.
    Some(unsafe { Box::from_raw(pointer) })
}

/// Gives a text out; none empties the caller's variable.
///
/// # Safety
/// `place` must be null or writable.
pub(crate) unsafe fn give_text(place: *mut AnteroomOwnedText, text: Option<&str>) {
    if place.is_null() {
        return;
    }
    let owned = text.map_or(AnteroomOwnedText::EMPTY, |text| {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let first = Box::into_raw(bytes.into_boxed_slice()).cast::<c_char>();
        AnteroomOwnedText { ptr: first, len: text.len() }
    });
    // SAFETY: as the caller promised.
    unsafe { place.write_unaligned(owned) };
}

/// Gives a text back and empties the variable. Null, an empty variable and one that was given back before are left alone.
///
/// # Safety
/// `text` must be null or lead to a text as the library wrote it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_text_free(text: *mut AnteroomOwnedText) {
    if text.is_null() {
        return;
    }
    // SAFETY: as the caller promised.
    let owned = unsafe { text.read_unaligned() };
    // SAFETY: the same.
    unsafe { text.write_unaligned(AnteroomOwnedText::EMPTY) };
    if owned.ptr.is_null() {
        return;
    }
    let bytes = std::ptr::slice_from_raw_parts_mut(owned.ptr.cast::<u8>(), owned.len + 1);
    // SAFETY: `give_text` made it of a box of just that many bytes, and nobody else has it.
    drop(unsafe { Box::from_raw(bytes) });
}
