//! The waiting page's style, script and picture. Each stands under an address that holds a hash of its content, so
//! that a browser keeps it for good and a new release is seen at once.

use anteroom_protocol::mac::sha256;
use axum::body::Body;
use data_encoding::HEXLOWER;
use http::Response;

use crate::reply;

/// Bytes of the hash that go into an address: enough to tell releases apart.
const HASH_BYTES: usize = 6;

/// All assets of the pages.
pub(crate) struct Assets {
    pub(super) style: Asset,
    pub(super) script: Asset,
    pub(super) icon: Asset,
}

/// One embedded file.
pub(super) struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static str,
    /// What follows `/assets/`.
    file: String,
}

impl Assets {
    pub(super) fn new() -> Self {
        Self {
            style: Asset::new(
                "waiting",
                "css",
                "text/css; charset=utf-8",
                include_str!("../../../../web/waiting/waiting.css"),
            ),
            script: Asset::new(
                "waiting",
                "js",
                "text/javascript; charset=utf-8",
                include_str!("../../../../web/waiting/waiting.js"),
            ),
            icon: Asset::new(
                "icon",
                "svg",
                "image/svg+xml",
                include_str!("../../../../web/waiting/icon.svg"),
            ),
        }
    }

    /// The file a browser asks for, or nothing.
    ///
    /// A hash of another release gets the present content, to be asked for again next time: while an installation
    /// is upgraded, the process that drew a page and the one that serves its style need not be the same.
    pub(crate) fn serve(&self, file: &str) -> Option<Response<Body>> {
        let mut parts = file.split('.');
        let (stem, _hash, extension) = (parts.next()?, parts.next()?, parts.next()?);
        let asset = [&self.style, &self.script, &self.icon]
            .into_iter()
            .find(|asset| asset.stem == stem && asset.extension == extension)?;
        Some(if asset.file == file {
            reply::immutable(asset.content_type, asset.content)
        } else {
            reply::plain(asset.content_type, asset.content)
        })
    }
}

impl Assets {
    /// The picture, for browsers that ask for it where they always did.
    pub(crate) fn favicon(&self) -> Response<Body> {
        reply::plain(self.icon.content_type, self.icon.content)
    }
}

impl Asset {
    fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        content: &'static str,
    ) -> Self {
        let hash = sha256(&[content.as_bytes()]);
        let file = format!("{stem}.{}.{extension}", HEXLOWER.encode(&hash[..HASH_BYTES]));
        Self { stem, extension, content_type, content, file }
    }

    pub(super) fn path(&self) -> String {
        format!("/assets/{}", self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_a_waiting_browser_loads_is_small() {
        const PAGE_BYTES_MAX: usize = 20_000;
        let assets = Assets::new();
        let templates = [
            include_str!("../../../../web/waiting/layout.html"),
            include_str!("../../../../web/waiting/waiting.html"),
        ];
        let total = [assets.style.content, assets.script.content, assets.icon.content]
            .iter()
            .chain(&templates)
            .map(|text| text.len())
            .sum::<usize>();
        assert!(total < PAGE_BYTES_MAX, "{total} bytes");
    }
}
