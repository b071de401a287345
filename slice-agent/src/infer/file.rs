//! Tensors in the bytes of a safetensors file, found without an allocation.
//!
//! The header is JSON: `{"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}`, with an entry
//! `__metadata__` of texts.

use super::{InferError, Layer};

/// A file.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'f> {
    header: &'f [u8],
    data: &'f [u8],
}

/// A layer in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear<'f> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// (outputs, inputs), little endian.
    weight: &'f [u8],
    bias: &'f [u8],
}

/// A tensor of the header.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    is_f32: bool,
    shape: [usize; 2],
    dimensions: usize,
    offsets: [usize; 2],
}

const NUMBER: usize = size_of::<f32>();

impl<'f> File<'f> {
    pub(super) fn parse(bytes: &'f [u8]) -> Result<File<'f>, InferError> {
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(InferError::NotSafetensors)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| InferError::NotSafetensors)?;
        let (header, data) = rest.split_at_checked(length).ok_or(InferError::NotSafetensors)?;
        let file = File { header, data };
        file.each(|_, _| {})?;
        Ok(file)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn linear(&self, weight: &'static str, bias: &'static str) -> Result<Linear<'f>, InferError> {
        let of_weight = self.find(weight).ok_or(InferError::Missing(weight))?;
        let of_bias = self.find(bias).ok_or(InferError::Missing(bias))?;
        let [outputs, inputs] = of_weight.shape;
        if of_weight.dimensions != 2 {
            return Err(InferError::BadTensor(weight));
        }
        if of_bias.dimensions != 1 || of_bias.shape[0] != outputs {
            return Err(InferError::BadTensor(bias));
        }
        let weight = self.data(&of_weight).ok_or(InferError::BadTensor(weight))?;
        let bias = self.data(&of_bias).ok_or(InferError::BadTensor(bias))?;
        Ok(Linear { inputs, outputs, weight, bias })
    }

    /// The bytes of a tensor, if they are there and as many as its shape says.
    fn data(&self, entry: &Entry) -> Option<&'f [u8]> {
        let [begin, end] = entry.offsets;
        let count = entry.shape.iter().take(entry.dimensions).try_fold(NUMBER, |n, d| n.checked_mul(*d))?;
        let bytes = self.data.get(begin..end)?;
        (entry.is_f32 && bytes.len() == count).then_some(bytes)
    }

    fn find(&self, name: &str) -> Option<Entry> {
        let mut found = None;
        let result = self.each(|known, entry| {
            if known == name.as_bytes() {
                found = Some(entry);
            }
        });
        result.ok().and(found)
    }

    /// Calls `visit` with each tensor of the header.
    fn each(&self, mut visit: impl FnMut(&[u8], Entry)) -> Result<(), InferError> {
        let mut json = Json { rest: self.header };
        json.object(|json, name| {
            if name == b"__metadata__" {
                return json.skip();
            }
            let mut entry = Entry::default();
            json.object(|json, field| match field {
                b"dtype" => json.text().map(|dtype| entry.is_f32 = dtype == b"F32"),
                b"shape" => json.numbers(&mut entry.shape).map(|count| entry.dimensions = count),
                b"data_offsets" => json.numbers(&mut entry.offsets).map(|_| ()),
                _ => json.skip(),
            })?;
            visit(name, entry);
            Some(())
        })
        .ok_or(InferError::NotSafetensors)
    }
}

impl Linear<'_> {
    /// Numbers of the layer.
    pub(super) fn numbers(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// Copies the layer into `memory`, which must be large enough; returns what is left of it.
    pub(super) fn read<'a>(&self, memory: &'a mut [f32]) -> Result<(Layer<'a>, &'a mut [f32]), InferError> {
        let (values, rest) = memory.split_at_mut(self.numbers());
        let weights = self.inputs * self.outputs;
        for (index, bytes) in self.weight.chunks_exact(NUMBER).enumerate() {
            let (output, input) = (index / self.inputs, index % self.inputs);
            values[input * self.outputs + output] = number(bytes)?;
        }
        for (place, bytes) in values[weights..].iter_mut().zip(self.bias.chunks_exact(NUMBER)) {
            *place = number(bytes)?;
        }
        Ok((Layer { inputs: self.inputs, outputs: self.outputs, values }, rest))
    }
}

fn number(bytes: &[u8]) -> Result<f32, InferError> {
    let bytes = bytes.try_into().map_err(|_| InferError::NotSafetensors)?;
    let value = f32::from_le_bytes(bytes);
    if value.is_finite() { Ok(value) } else { Err(InferError::BadWeight) }
}

/// As much of JSON as a header needs. None is for whatever is no JSON.
struct Json<'h> {
    rest: &'h [u8],
}

impl<'h> Json<'h> {
    /// Deeper nesting than any header has.
    const DEPTH: usize = 16;

    fn peek(&mut self) -> Option<u8> {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let start = self.rest.iter().position(|byte| !blank(byte))?;
        self.rest = &self.rest[start..];
        self.rest.first().copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.rest = &self.rest[1..])
    }

    /// Takes a comma, or `end`; tells whether it goes on.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        if self.take(end).is_some() {
            return Some(false);
        }
        self.take(b',').map(|()| true)
    }

    /// A text as it is written, with its escapes.
    fn text(&mut self) -> Option<&'h [u8]> {
        self.take(b'"')?;
        let mut escaped = false;
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(text)
    }

    fn object(&mut self, mut field: impl FnMut(&mut Json<'h>, &'h [u8]) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.text()?;
            self.take(b':')?;
            field(self, name)?;
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    /// Whole numbers of a list; returns how many there are, of which the first are in `out`.
    fn numbers(&mut self, out: &mut [usize; 2]) -> Option<usize> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(0);
        }
        let mut count = 0;
        loop {
            let value = self.number()?;
            if let Some(place) = out.get_mut(count) {
                *place = value;
            }
            count += 1;
            if !self.goes_on(b']')? {
                return Some(count);
            }
        }
    }

    fn number(&mut self) -> Option<usize> {
        self.peek()?;
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = core::str::from_utf8(&self.rest[..digits]).ok()?;
        self.rest = &self.rest[digits..];
        text.parse().ok()
    }

    /// Skips a value of any kind: texts as texts, brackets by their number.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.text()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.rest = &self.rest[1..];
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.rest = &self.rest[1..];
                }
                b',' | b':' if depth > 0 => self.rest = &self.rest[1..],
                _ => {
                    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                    let count = self.rest.iter().take_while(|byte| plain(byte)).count();
                    if count == 0 {
                        return None;
                    }
                    self.rest = &self.rest[count..];
                }
            }
            if depth == 0 {
                return Some(());
            }
            if depth > Json::DEPTH {
                return None;
            }
        }
    }
}
