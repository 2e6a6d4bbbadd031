//! Decodes the frames of the test vectors.

use std::error::Error;
use std::io::{BufRead, Write};

use iqfeed_gateway_client::decode_frame;
use serde_json::{json, Value as Json};

use crate::spelling::spell_fields;

/// Answer each line with what the frame in it decodes to.
pub fn run() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Json = serde_json::from_str(&line?)?;
        let frame = unhex(case["frame"].as_str().unwrap_or(""))?;
        let answer = match decode_frame(&frame) {
            Ok(message) => json!({
                "id": case["id"], "result": "valid", "message": spell_fields(&message.fields()),
            }),
            Err(error) => json!({"id": case["id"], "result": "invalid", "error": error.code()}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn unhex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.ok_or("frame is not hexadecimal")?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).map_err(Into::into),
        _ => Err("frame has half a byte".into()),
    });
    bytes.collect()
}
