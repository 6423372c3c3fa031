//! Lines of a file through one fixed buffer, however long the file or the line.

use std::io::{self, BufRead as _};

/// Longest line that is read; a longer one is handed over as `None`.
pub(super) const LINE_LEN_MAX: usize = 4096;

const BUFFER_LEN: usize = 64 * 1024;

/// Calls `each` for every line, without its line feed, until it breaks off with an error.
///
/// A byte order mark at the start of the file is left out.
pub(super) fn each_line<E: From<io::Error>>(
    mut file: impl io::Read,
    mut each: impl FnMut(Option<&[u8]>) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut held, mut overlong, mut at_start) = (0, false, true);
    loop {
        let read = match file.read(&mut buffer[held..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let end = held + read;
        if at_start && read > 0 && end < BOM.len() {
            held = end;
            continue;
        }
        let mut from = if at_start && buffer[..end].starts_with(BOM) { BOM.len() } else { 0 };
        at_start = false;
        while let Some(len) = line_len(&buffer[from..end]) {
            each((!overlong && len <= LINE_LEN_MAX).then_some(&buffer[from..from + len]))?;
            overlong = false;
            from += len + 1;
        }
        if read == 0 {
            if overlong || from < end {
                let last = &buffer[from..end];
                each((!overlong && last.len() <= LINE_LEN_MAX).then_some(last))?;
            }
            return Ok(());
        }
        overlong |= end - from > LINE_LEN_MAX;
        if overlong {
            from = end;
        }
        buffer.copy_within(from..end, 0);
        held = end - from;
    }
}

/// Octets before the first line feed.
fn line_len(text: &[u8]) -> Option<usize> {
    // `skip_until` looks at many octets at once, which `position` does not.
    let mut rest = text;
    let len = rest.skip_until(b'\n').ok()?.checked_sub(1)?;
    (text[len] == b'\n').then_some(len)
}

const BOM: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out a few octets at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl io::Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = self.0.len().min(self.1).min(out.len());
            let (now, later) = self.0.split_at(len);
            out[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    fn lines(text: &[u8], step: usize) -> Vec<Option<Vec<u8>>> {
        let mut out = Vec::new();
        each_line(Trickle(text, step), |line| {
            out.push(line.map(<[u8]>::to_vec));
            Ok::<(), io::Error>(())
        })
        .unwrap();
        out
    }

    #[test]
    fn overlong_lines_are_told_and_skipped() {
        let check = |long: usize, step: usize, expected: Option<Vec<u8>>| {
            let text = [b"a\n".as_slice(), &vec![b'x'; long], b"\nb"].concat();
            let got = lines(&text, step);
            assert_eq!(got, [Some(b"a".to_vec()), expected, Some(b"b".to_vec())], "{long} {step}");
        };
        for step in [1000, 4096, 65536, 1 << 20] {
            check(LINE_LEN_MAX, step, Some(vec![b'x'; LINE_LEN_MAX]));
            check(LINE_LEN_MAX + 1, step, None);
            check(200_000, step, None);
        }
        assert_eq!(lines(&vec![b'x'; 200_000], 5000), [None]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text in "(\u{feff})?[ab\n]{0,50}", step in 1_usize..9) {
            let body = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let expected: Vec<_> = body.lines().map(|it| Some(it.as_bytes().to_vec())).collect();
            prop_assert_eq!(lines(text.as_bytes(), step), expected);
        }
    }
}
