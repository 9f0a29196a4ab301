//! Pictures as terminals get them: each stream is taken apart as its specification says, and its pixels compared.

use std::io::Read;
use std::sync::Arc;

use gantry::console::image::{Graphics, Picture, Protocol, Want, produce};
use gantry::console::theme::Depth;
use gantry::render::{Rgb, Target};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;

const SIZE: Size = Size { width: 7, height: 3 };
const CELL: (u16, u16) = (9, 18);

/// A picture of which every pixel differs from its neighbours.
fn pattern(width: u32, height: u32) -> Rgb {
    let mut image = Rgb::new(width, height);
    for y in 0..height {
        for x in 0..width {
            image.set(x, y, [(x * 4 % 256) as u8, (y * 5 % 256) as u8, ((x * 7 + y * 11) % 256) as u8]);
        }
    }
    image
}

fn picture(protocol: Protocol, compresses: bool) -> Arc<Picture> {
    let graphics = Graphics { protocol, cell_px: CELL, compresses, ..Graphics::default() };
    let painter = Arc::new(|target: &Target| Some(pattern(target.width, target.height)));
    let want = Want { pane: "test", size: SIZE, content: 1, coarse: false, painter };
    produce(&want, &graphics).picture.expect("there is a picture")
}

/// RFC 4648, strictly.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0);
    let digit = |byte: u8| DIGITS.iter().position(|d| *d == byte).expect("a digit of base64") as u32;
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let padding = chunk.len() - chunk.split(|byte| *byte == b'=').next().map_or(0, <[u8]>::len);
        let bits =
            chunk.iter().fold(0, |bits, byte| bits << 6 | if *byte == b'=' { 0 } else { digit(*byte) });
        out.extend(&bits.to_be_bytes()[1..4 - padding]);
    }
    out
}

/// The keys of a kitty graphics command and its payload.
fn kitty_commands(stream: &str) -> Vec<(Vec<(String, String)>, String)> {
    let commands = stream.split("\x1b_G").skip(1).map(|part| {
        let (body, _) = part.split_once("\x1b\\").expect("a command ends with ST");
        let (keys, payload) = body.split_once(';').unwrap_or((body, ""));
        let pair = |key: &str| {
            let (name, value) = key.split_once('=').expect("key=value");
            (name.to_string(), value.to_string())
        };
        (keys.split(',').filter(|key| !key.is_empty()).map(pair).collect(), payload.to_string())
    });
    commands.collect()
}

fn kitty(compresses: bool) {
    let picture = picture(Protocol::Kitty, compresses);
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let mut buffer = Buffer::empty(area);
    picture.place(area, &mut buffer, Depth::Full);
    let commands = kitty_commands(buffer[(0, 0)].symbol());
    let first = &commands[0].0;
    let key = |name: &str| first.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (width, height) = (u32::from(SIZE.width * CELL.0), u32::from(SIZE.height * CELL.1));
    assert_eq!((key("s"), key("v")), (Some(&*width.to_string()), Some(&*height.to_string())));
    assert_eq!(key("U"), Some("1"), "a virtual placement for Unicode placeholders");
    assert_eq!(key("q"), Some("2"), "no answers that would look like keys");
    assert_eq!(key("o"), compresses.then_some("z"));
    for (at, (keys, payload)) in commands.iter().enumerate() {
        let more = keys.iter().find(|(key, _)| key == "m").map(|(_, value)| value.as_str());
        let last = at + 1 == commands.len();
        assert!(payload.len() <= 4096 && (last || payload.len() % 4 == 0), "{}", payload.len());
        assert_eq!(more.unwrap_or("0"), if last { "0" } else { "1" });
    }
    let mut data = base64(&commands.iter().map(|(_, payload)| payload.as_str()).collect::<String>());
    if compresses {
        let mut inflated = Vec::new();
        flate2::read::ZlibDecoder::new(&*data).read_to_end(&mut inflated).expect("RFC 1950");
        data = inflated;
    }
    let expected = pattern(width, height);
    let channels = if key("f") == Some("24") { 3 } else { 4 };
    assert_eq!(data.len(), (width * height) as usize * channels);
    for (pixel, wanted) in data.chunks(channels).zip(expected.data.chunks(3)) {
        assert_eq!(&pixel[..3], wanted);
        assert!(channels == 3 || pixel[3] == 255);
    }
    // The placeholders name the picture by their colour (and a diacritic for the highest byte).
    let id: u32 = key("i").expect("an identifier").parse().expect("a number");
    let [_, r, g, b] = id.to_be_bytes();
    for position in area.positions() {
        let cell = &buffer[position];
        assert_eq!(cell.fg, Color::Rgb(r, g, b));
        assert!(cell.symbol().contains('\u{10eeee}'));
    }
    // A second frame shows it without sending it again.
    let mut again = Buffer::empty(area);
    picture.place(area, &mut again, Depth::Full);
    assert!(!again[(0, 0)].symbol().contains('\x1b'));
}

#[test]
fn kitty_stream_holds_the_pixels() {
    kitty(false);
    kitty(true);
}

#[test]
fn iterm2_stream_holds_the_pixels_as_png() {
    let Picture::Sequence(stream) = &*picture(Protocol::Iterm2, false) else { panic!("a sequence") };
    let (_, body) = stream.split_once("\x1b]1337;File=").expect("an inline image");
    let (head, rest) = body.split_once(':').expect("arguments end with a colon");
    let payload = rest.strip_suffix('\x07').expect("ends with BEL");
    let data = base64(payload);
    let argument = |name: &str| {
        head.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_string)
    };
    let (width, height) = (u32::from(SIZE.width * CELL.0), u32::from(SIZE.height * CELL.1));
    assert_eq!(argument("inline").as_deref(), Some("1"));
    assert_eq!(argument("size"), Some(data.len().to_string()));
    assert_eq!(
        (argument("width"), argument("height")),
        (Some(format!("{width}px")), Some(format!("{height}px")))
    );
    let mut reader = png::Decoder::new(std::io::Cursor::new(data)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("of bounded size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    assert_eq!((info.width, info.height, info.color_type), (width, height, png::ColorType::Rgb));
    assert_eq!(pixels, pattern(width, height).data);
}

#[test]
fn no_stream_passes_through_tmux() {
    for protocol in [Protocol::Sixel, Protocol::Kitty, Protocol::Iterm2] {
        let picture = picture(protocol, true);
        let area = Rect::new(0, 0, SIZE.width, SIZE.height);
        let mut buffer = Buffer::empty(area);
        picture.place(area, &mut buffer, Depth::Full);
        let text = match &*picture {
            Picture::Sequence(stream) => stream.clone(),
            Picture::Kitty(_) | Picture::Blocks(_) => {
                buffer.content.iter().map(|cell| cell.symbol()).collect()
            }
        };
        assert!(!text.contains("\x1bPtmux") && !text.contains("\x1b\x1b"), "{protocol:?}");
    }
}
