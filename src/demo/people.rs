//! Invented people in several scripts: what de-identification has to take away.

use crate::measure::agreement::bootstrap::SplitMix;

/// Somebody who does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Patient's Name.
    pub name: String,
    /// Specific Character Set in which the name can be written.
    pub charset: &'static str,
    /// Patient ID.
    pub id: String,
    /// Patient's Birth Date.
    pub born: String,
    /// Year of birth.
    pub born_year: i32,
    /// Patient's Sex is F.
    pub female: bool,
    /// Patient's Address.
    pub address: String,
    /// Patient's Telephone Numbers.
    pub phone: String,
}

/// Names: (family, given of a woman, given of a man, character set).
const NAMES: [(&str, &str, &str, &str); 14] = [
    ("Küster", "Grete", "Jörg", "ISO_IR 100"),
    ("Okonjo", "Adaeze", "Chidi", "ISO_IR 100"),
    ("Соколовская", "Анна", "Олег", "ISO_IR 144"),
    ("Lindqvist", "Åsa", "Håkan", "ISO_IR 100"),
    ("Yamashiro^Hanako=山城^花子", "", "", "ISO_IR 192"),
    ("Papadakis", "Ελένη", "Νίκος", "ISO_IR 192"),
    ("Beaulieu", "Hélène", "Benoît", "ISO_IR 100"),
    ("García Ibarra", "Lucía", "Íñigo", "ISO_IR 100"),
    ("الخطيب", "ليلى", "سامي", "ISO_IR 192"),
    ("Kowalczyk", "Zofia", "Łukasz", "ISO_IR 192"),
    ("Kim^Minjun=金^民俊=김^민준", "", "", "ISO_IR 192"),
    ("O'Farrell", "Niamh", "Cormac", "ISO_IR 100"),
    ("Þórsdóttir", "Björk", "Ægir", "ISO_IR 100"),
    ("Đặng", "Thị Hoa", "Văn Bình", "ISO_IR 192"),
];

/// Physicians who do not exist.
pub const PHYSICIANS: [&str; 6] = [
    "Brandt^Henrike^^Dr.",
    "Achebe^Tobenna",
    "Maddox^Ruth^^Dr",
    "Sandoval^Pilar",
    "Ferrante^Elio",
    "Whitlock^June",
];

impl Person {
    /// The subject with this number.
    pub fn draw(random: &mut SplitMix, number: usize) -> Self {
        let (family, woman, man, charset) = NAMES[(number + random.below(3)) % NAMES.len()];
        let female = random.unit() < 0.5;
        let given = if female { woman } else { man };
        let born_year = 1938 + random.below(46) as i32;
        Self {
            name: if given.is_empty() { family.into() } else { format!("{family}^{given}") },
            charset,
            id: format!("{:07}", 1_000_000 + random.below(8_999_999)),
            born: format!("{born_year}{:02}{:02}", 1 + random.below(12), 1 + random.below(28)),
            born_year,
            female,
            address: format!("{} Lindenallee, {:05}", 1 + random.below(140), 10_000 + random.below(80_000)),
            phone: format!("+49 351 {:06}", random.below(1_000_000)),
        }
    }
}
