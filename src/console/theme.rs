//! Colours by role. A theme file sets any subset of the roles; the rest comes from `dark`.

use std::collections::HashMap;

use ratatui::style::{Color, Modifier, Style};

use crate::engine::query::Severity;

/// Themes that come with Gantry: (name, TOML).
const BUILT_IN: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("sixteen", include_str!("../../themes/sixteen.toml")),
];

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// None: shapes and reverse video only.
    None,
    /// The sixteen of ANSI.
    Sixteen,
    /// The palette of 256.
    Indexed,
    /// 24 bits.
    #[default]
    Full,
}

impl Depth {
    /// What the environment says: `NO_COLOR`, `COLORTERM`, `TERM`.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let term = get("TERM").unwrap_or_default();
        if get("NO_COLOR").is_some_and(|value| !value.is_empty()) || term == "dumb" || term.starts_with("vt1")
        {
            return Self::None;
        }
        let full = ["kitty", "ghostty", "direct", "foot", "wezterm", "alacritty", "contour"];
        if get("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit")
            || full.iter().any(|name| term.contains(name))
        {
            return Self::Full;
        }
        // xterm itself takes 24-bit colours and finds the nearest it has.
        if get("XTERM_VERSION").is_some() {
            Self::Full
        } else if term.contains("256") {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// The nearest colour that this depth has.
    pub fn nearest(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::None, _) => Color::Reset,
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest_256(r, g, b)),
            (Self::Sixteen, Color::Rgb(r, g, b)) => nearest_16(r, g, b),
            (Self::Sixteen, Color::Indexed(index)) if index > 15 => Color::Gray,
            (_, colour) => colour,
        }
    }
}

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let distance = |(x, y, z): (i32, i32, i32)| {
        let d = (i32::from(r) - x, i32::from(g) - y, i32::from(b) - z);
        d.0 * d.0 + d.1 * d.1 + d.2 * d.2
    };
    let level = |v: u8| {
        [0, 95, 135, 175, 215, 255].iter().enumerate().min_by_key(|(_, l)| (i32::from(v) - **l).abs())
    };
    let step = |v: u8| level(v).map_or((0, 0), |(i, l)| (i as u8, *l));
    let (red, green, blue) = (step(r), step(g), step(b));
    let mean = (i32::from(r) + i32::from(g) + i32::from(b)) / 3;
    let grey = ((mean - 8 + 5) / 10).clamp(0, 23);
    let value = 8 + 10 * grey;
    if distance((value, value, value)) < distance((red.1, green.1, blue.1)) {
        232 + grey as u8
    } else {
        16 + 36 * red.0 + 6 * green.0 + blue.0
    }
}

const ANSI: [(Color, [i32; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [205, 205, 205]),
    (Color::DarkGray, [110, 110, 110]),
    (Color::LightRed, [255, 80, 80]),
    (Color::LightGreen, [80, 255, 80]),
    (Color::LightYellow, [255, 255, 80]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 80, 255]),
    (Color::LightCyan, [80, 255, 255]),
    (Color::White, [255, 255, 255]),
];

fn nearest_16(r: u8, g: u8, b: u8) -> Color {
    let wanted = [i32::from(r), i32::from(g), i32::from(b)];
    let distance = |known: &[i32; 3]| known.iter().zip(wanted).map(|(k, w)| (k - w) * (k - w)).sum::<i32>();
    ANSI.iter().min_by_key(|(_, known)| distance(known)).map_or(Color::Gray, |(colour, _)| *colour)
}

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// No built-in theme has this name.
    #[error("there is no theme {0}; there are dark, light, high-contrast and sixteen")]
    Unknown(String),
    /// The file is no TOML of strings.
    #[error("the theme is not valid: {0}")]
    Syntax(String),
    /// A role or a colour that does not exist.
    #[error("{role} = \"{value}\": {why}")]
    Entry {
        /// The role.
        role: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A colour for each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    roles: HashMap<&'static str, Color>,
    /// How many colours the terminal has; styles lean on attributes where there are few.
    pub depth: Depth,
}

/// Every role that a theme may set.
pub const ROLES: [&str; 31] = [
    "background",
    "surface",
    "border",
    "border_focus",
    "text",
    "text_dim",
    "accent",
    "selection",
    "ok",
    "warning",
    "error",
    "data_1",
    "data_2",
    "data_3",
    "data_4",
    "data_5",
    "data_6",
    "data_7",
    "data_8",
    "label_1",
    "label_2",
    "label_3",
    "label_4",
    "label_5",
    "label_6",
    "label_7",
    "label_8",
    "label_9",
    "label_10",
    "label_11",
    "label_12",
];

impl Theme {
    /// A theme that comes with Gantry.
    ///
    /// # Errors
    /// [`ThemeError::Unknown`]
    pub fn named(name: &str, depth: Depth) -> Result<Self, ThemeError> {
        let text = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        Self::parse(text.ok_or_else(|| ThemeError::Unknown(name.into()))?, depth)
    }

    /// A theme from TOML; roles it does not set are those of `dark`.
    ///
    /// # Errors
    /// [`ThemeError`]
    pub fn parse(text: &str, depth: Depth) -> Result<Self, ThemeError> {
        let mut roles = HashMap::new();
        for text in [BUILT_IN[0].1, text] {
            let table: HashMap<String, String> =
                toml::from_str(text).map_err(|error| ThemeError::Syntax(error.message().to_string()))?;
            for (role, value) in table {
                let entry = |why| ThemeError::Entry { role: role.clone(), value: value.clone(), why };
                let known =
                    ROLES.iter().find(|known| **known == role).ok_or_else(|| entry("no such role"))?;
                let colour =
                    colour(&value).ok_or_else(|| entry("a colour is #rrggbb, a name of ANSI or default"))?;
                roles.insert(*known, colour);
            }
        }
        Ok(Self { roles, depth })
    }

    /// The colour of a role.
    pub fn colour(&self, role: &str) -> Color {
        self.roles.get(role).copied().unwrap_or(Color::Reset)
    }

    /// The colour of a role as red, green, blue; for pictures.
    pub fn rgb(&self, role: &str) -> [u8; 3] {
        match self.colour(role) {
            Color::Rgb(r, g, b) => [r, g, b],
            Color::Reset => {
                if role == "background" {
                    [0; 3]
                } else {
                    [205; 3]
                }
            }
            other => ANSI.iter().find(|(c, _)| *c == other).map_or([128; 3], |(_, v)| v.map(|x| x as u8)),
        }
    }

    /// Text in a role's colour.
    pub fn style(&self, role: &str) -> Style {
        let style = Style::new().fg(self.colour(role));
        match (self.depth, role) {
            (Depth::None, "text_dim" | "border") => style.add_modifier(Modifier::DIM),
            (Depth::None, "accent" | "border_focus" | "error") => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }

    /// Plain text.
    pub fn text(&self) -> Style {
        self.style("text")
    }

    /// Text of less weight.
    pub fn dim(&self) -> Style {
        self.style("text_dim")
    }

    /// Text that leads.
    pub fn bold(&self) -> Style {
        self.text().add_modifier(Modifier::BOLD)
    }

    /// The line under the cursor.
    pub fn selected(&self, style: Style, focus: bool) -> Style {
        match (self.depth, focus) {
            (Depth::None | Depth::Sixteen, true) => style.add_modifier(Modifier::REVERSED),
            (Depth::None | Depth::Sixteen, false) => style.add_modifier(Modifier::UNDERLINED),
            (_, true) => style.bg(self.colour("selection")),
            (_, false) => style.bg(self.colour("surface")),
        }
    }

    /// Shape and style of a severity: readable without colour.
    pub fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match severity {
            Severity::Error => ("▲", self.style("error").add_modifier(Modifier::BOLD)),
            Severity::Warning => ("◆", self.style("warning")),
            Severity::Info => ("·", self.dim()),
        }
    }
}

fn colour(value: &str) -> Option<Color> {
    if value == "default" {
        return Some(Color::Reset);
    }
    if let Some(hex) = value.strip_prefix('#') {
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        return Some(Color::Rgb((number >> 16) as u8, (number >> 8) as u8, number as u8));
    }
    let known = "black red green yellow blue magenta cyan gray darkgray lightred lightgreen lightyellow lightblue \
                 lightmagenta lightcyan white";
    known.split_whitespace().any(|name| name == value).then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn built_in_themes_are_whole_and_inherit() {
        for (name, _) in BUILT_IN {
            let theme = Theme::named(name, Depth::Full).unwrap();
            assert_eq!(theme.roles.len(), ROLES.len(), "{name}");
        }
        let own = Theme::parse("accent = \"#ff0000\"", Depth::Full).unwrap();
        assert_eq!(own.colour("accent"), Color::Rgb(255, 0, 0));
        assert_eq!(own.colour("error"), Theme::named("dark", Depth::Full).unwrap().colour("error"));
        assert!(matches!(Theme::parse("acent = \"red\"", Depth::Full), Err(ThemeError::Entry { .. })));
        assert!(matches!(Theme::parse("accent = \"#ff\"", Depth::Full), Err(ThemeError::Entry { .. })));
    }

    #[test]
    fn fewer_colours_are_the_nearest() {
        assert_eq!(Depth::Indexed.nearest(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(Depth::Indexed.nearest(Color::Rgb(128, 128, 128)), Color::Indexed(244));
        assert_eq!(Depth::Sixteen.nearest(Color::Rgb(250, 250, 250)), Color::White);
        assert_eq!(Depth::None.nearest(Color::Rgb(1, 2, 3)), Color::Reset);
    }

    #[test]
    fn environment_tells_the_depth() {
        let depth = |pairs: &[(&str, &str)]| {
            Depth::from_env(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_string()))
        };
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::Full);
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Depth::None);
        assert_eq!(depth(&[("TERM", "tmux-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
    }
}
