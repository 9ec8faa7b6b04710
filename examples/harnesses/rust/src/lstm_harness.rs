//! What a harness in Rust needs beside its engine: frames, safetensors, JSON. docs/harness.md has the protocol.
//! The standard library is enough; `main.rs` is a whole harness.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Why a request has no answer.
pub enum Refusal {
    /// The device is not here; only for `hello`.
    Unavailable(String),
    /// The engine's interface does not accept the case.
    Unsupported(String),
    /// Whatever the engine says of an error.
    Error(String),
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Refusal::Error(text)
    }
}

pub type Answer<T> = Result<T, Refusal>;
pub type Texts = BTreeMap<String, String>;
pub type Tensors = BTreeMap<String, Tensor>;

/// An engine behind the protocol.
pub trait Engine {
    /// What `--describe` prints.
    const DESCRIPTION: &'static str;
    /// Loads the engine for a device. The versions of all that computes, and the settings that decide about precision.
    fn hello(device: &str) -> Answer<(Texts, Texts)>;
    fn prepare(case: &Json, weights: &Tensors) -> Answer<Layer>;
}

/// A layer that was built; it may be called any number of times, and keeps no state.
pub type Layer = Box<dyn Fn(&Tensors) -> Answer<Tensors>>;

/// A value of JSON.
#[derive(Debug)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub fn parsed(text: &str) -> Result<Json, String> {
        let mut parser = Parser { text, at: 0 };
        let found = parser.value()?;
        if parser.rest().trim().is_empty() { Ok(found) } else { parser.fail() }
    }
    pub fn get(&self, name: &str) -> Result<&Json, String> {
        match self {
            Json::Object(fields) => fields.get(name).ok_or(format!("there is no field {name}")),
            _ => Err(format!("what should have {name} is no object")),
        }
    }
    pub fn number(&self, name: &str) -> Result<f64, String> {
        match self.get(name)? { Json::Number(found) => Ok(*found), _ => Err(format!("{name} is no number")) }
    }
    pub fn whole(&self, name: &str) -> Result<usize, String> {
        Ok(self.number(name)? as usize)
    }
    pub fn flag(&self, name: &str) -> Result<bool, String> {
        match self.get(name)? { Json::Bool(found) => Ok(*found), _ => Err(format!("{name} is not true or false")) }
    }
    pub fn text(&self, name: &str) -> Result<&str, String> {
        match self.get(name)? { Json::Text(found) => Ok(found), _ => Err(format!("{name} is no text")) }
    }
    pub fn wholes(&self, name: &str) -> Result<Vec<usize>, String> {
        let list = match self.get(name)? { Json::List(found) => found, _ => return Err(format!("{name} is no list")) };
        let number = |each: &Json| match each { Json::Number(found) => Ok(*found as usize), _ => Err(format!("{name}?")) };
        list.iter().map(number).collect()
    }
}

fn quoted(text: &str) -> String {
    let mut found = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => { found.push('\\'); found.push(c); }
            c if c < ' ' => write!(found, "\\u{:04x}", c as u32).unwrap(),
            c => found.push(c),
        }
    }
    found + "\""
}

struct Parser<'a> { text: &'a str, at: usize }

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
    fn fail<T>(&self) -> Result<T, String> {
        Err(format!("not JSON at byte {}", self.at))
    }
    fn next(&mut self, word: &str) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        let there = self.rest().starts_with(word);
        self.at += if there { word.len() } else { 0 };
        there
    }
    /// After an element of a list or an object: whether another follows.
    fn more(&mut self, end: &str) -> Result<bool, String> {
        if self.next(",") { Ok(true) } else if self.next(end) { Ok(false) } else { self.fail() }
    }
    fn value(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.next(word) { return Ok(value); }
        }
        if self.next("[") {
            let mut found = vec![];
            let mut more = !self.next("]");
            while more { found.push(self.value()?); more = self.more("]")?; }
            return Ok(Json::List(found));
        }
        if self.next("{") {
            let mut found = BTreeMap::new();
            let mut more = !self.next("}");
            while more {
                let name = self.string()?;
                if !self.next(":") { return self.fail(); }
                found.insert(name, self.value()?);
                more = self.more("}")?;
            }
            return Ok(Json::Object(found));
        }
        if self.rest().starts_with('"') { return Ok(Json::Text(self.string()?)); }
        let rest = self.rest();
        let end = rest.find(|c: char| !"+-.0123456789eE".contains(c)).unwrap_or(rest.len());
        let found = rest[..end].parse().or_else(|_| self.fail())?;
        self.at += end;
        Ok(Json::Number(found))
    }
    fn string(&mut self) -> Result<String, String> {
        if !self.next("\"") { return self.fail(); }
        let mut found = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((n, c)) = chars.next() {
            match c {
                '"' => { self.at += n + 1; return Ok(found); }
                '\\' => match chars.next() {
                    Some((_, 'u')) => { // names and ids are ASCII: what is not stays as one character
                        let code: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        found.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('?'));
                    }
                    Some((_, c)) => found.push(match c { 'b' => '\x08', 'f' => '\x0c', 'n' => '\n', 'r' => '\r', 't' => '\t', c => c }),
                    None => break,
                },
                c => found.push(c),
            }
        }
        self.fail()
    }
}

/// Numbers row by row. dtype is F16, BF16, F32, F64, I32, I64, BOOL or U8.
pub struct Tensor {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// A type of numbers that tensors have.
pub trait Number: Copy {
    const DTYPE: &'static str;
    const SIZE: usize;
    fn from_bytes(bytes: &[u8]) -> Self;
    fn append(self, bytes: &mut Vec<u8>);
}

macro_rules! number {
    ($kind:ty, $dtype:expr) => {
        impl Number for $kind {
            const DTYPE: &'static str = $dtype;
            const SIZE: usize = std::mem::size_of::<$kind>();
            fn from_bytes(bytes: &[u8]) -> Self { <$kind>::from_le_bytes(bytes.try_into().unwrap()) }
            fn append(self, bytes: &mut Vec<u8>) { bytes.extend_from_slice(&self.to_le_bytes()) }
        }
    };
}
number!(f32, "F32");
number!(f64, "F64");
number!(i64, "I64");

impl Tensor {
    pub fn of<N: Number>(shape: &[usize], numbers: &[N]) -> Tensor {
        let mut bytes = Vec::with_capacity(numbers.len() * N::SIZE);
        numbers.iter().for_each(|n| n.append(&mut bytes));
        Tensor { dtype: N::DTYPE.to_string(), shape: shape.to_vec(), bytes }
    }
    pub fn numbers<N: Number>(&self) -> Result<Vec<N>, String> {
        if self.dtype != N::DTYPE { return Err(format!("a tensor of {} where {} is wanted", self.dtype, N::DTYPE)); }
        Ok(self.bytes.chunks_exact(N::SIZE).map(N::from_bytes).collect())
    }
}

fn read_tensors(data: &[u8]) -> Result<Tensors, String> {
    if data.is_empty() { return Ok(Tensors::new()); }
    let none = "not safetensors";
    let size = data.get(..8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) as usize).ok_or(none)?;
    let header = std::str::from_utf8(data[8..].get(..size).ok_or(none)?).map_err(|e| e.to_string())?;
    let body = &data[8 + size..];
    let told = match Json::parsed(header)? { Json::Object(fields) => fields, _ => return Err(none.to_string()) };
    let mut found = Tensors::new();
    for (name, told) in told.into_iter().filter(|(name, _)| name != "__metadata__") {
        let range = match told.wholes("data_offsets")?[..] { [from, to] => body.get(from..to), _ => None };
        let bytes = range.ok_or(format!("{name} lies outside of its tensors"))?.to_vec();
        found.insert(name, Tensor { dtype: told.text("dtype")?.to_string(), shape: told.wholes("shape")?, bytes });
    }
    Ok(found)
}

fn written(tensors: &Tensors) -> Vec<u8> {
    if tensors.is_empty() { return vec![]; }
    let (mut entries, mut body) = (vec![], vec![]);
    for (name, tensor) in tensors {
        let begin = body.len();
        body.extend_from_slice(&tensor.bytes);
        let (dtype, shape, end) = (&tensor.dtype, &tensor.shape, body.len());
        entries.push(format!(r#"{}:{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#, quoted(name)));
    }
    let mut header = format!("{{{}}}", entries.join(","));
    header += &" ".repeat((8 - header.len() % 8) % 8);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &body].concat()
}

/// Standard output for the frames alone: what the engine prints goes to standard error.
#[cfg(unix)]
fn frames() -> File {
    use std::os::unix::io::FromRawFd;
    extern "C" {
        fn dup(from: i32) -> i32;
        fn dup2(from: i32, to: i32) -> i32;
    }
    unsafe {
        let kept = dup(1);
        dup2(2, 1);
        File::from_raw_fd(kept)
    }
}

type Layers = BTreeMap<usize, Layer>;

fn answer<E: Engine>(request: &Json, tensors: &Tensors, layers: &mut Layers) -> Answer<(String, Tensors)> {
    let nothing = (String::new(), Tensors::new());
    match request.text("op")? {
        "hello" => {
            let (versions, settings) = E::hello(request.text("device")?)?;
            let object = |texts: &Texts| texts.iter().map(|(k, v)| format!("{}:{}", quoted(k), quoted(v))).collect::<Vec<_>>().join(",");
            let fields = format!(r#","versions":{{{}}},"settings":{{{}}}"#, object(&versions), object(&settings));
            Ok((fields, Tensors::new()))
        }
        "prepare" => {
            layers.insert(request.whole("handle")?, E::prepare(request.get("case")?, tensors)?);
            Ok(nothing)
        }
        "call" => {
            let handle = request.whole("handle")?;
            let layer = layers.get(&handle).ok_or(format!("there is no handle {handle}"))?;
            Ok((String::new(), layer(tensors)?))
        }
        "drop" => {
            let handle = request.whole("handle")?;
            layers.remove(&handle).map(|_| nothing).ok_or(Refusal::Error(format!("there is no handle {handle}")))
        }
        "stop" => Ok(nothing),
        op => Err(Refusal::Error(format!("no request is called {op}"))),
    }
}

/// Print the description, or answer requests until `stop` or the end of the input.
pub fn serve<E: Engine>() -> io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--describe") {
        println!("{}", E::DESCRIPTION);
        return Ok(());
    }
    let (mut requests, mut answers) = (io::stdin().lock(), frames());
    let mut layers = Layers::new();
    let broken = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut line = String::new();
    while requests.read_line(&mut line)? > 0 {
        let request = Json::parsed(&line).map_err(broken)?;
        let mut data = vec![0; request.whole("bytes").map_err(broken)?];
        requests.read_exact(&mut data)?;
        let told = catch_unwind(AssertUnwindSafe(|| answer::<E>(&request, &read_tensors(&data)?, &mut layers)))
            .unwrap_or_else(|_| Err(Refusal::Error("a panic; its text is on standard error".to_string())));
        let (op, fields, tensors) = match told {
            Ok((fields, tensors)) => ("ok", fields, tensors),
            Err(Refusal::Unavailable(why)) => ("unavailable", format!(r#","reason":{}"#, quoted(&why)), Tensors::new()),
            Err(Refusal::Unsupported(why)) => ("unsupported", format!(r#","reason":{}"#, quoted(&why)), Tensors::new()),
            Err(Refusal::Error(why)) => ("error", format!(r#","text":{}"#, quoted(&why)), Tensors::new()),
        };
        let payload = written(&tensors);
        let id = request.whole("id").map_err(broken)?;
        writeln!(answers, r#"{{"op":"{op}","id":{id}{fields},"bytes":{}}}"#, payload.len())?;
        answers.write_all(&payload)?;
        answers.flush()?;
        if request.text("op") == Ok("stop") { break; }
        line.clear();
    }
    Ok(())
}
