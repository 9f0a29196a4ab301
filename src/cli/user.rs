//! `gantry user`: tokens by which people come over the web.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::access::Role;
use crate::engine::command::{MakeToken, RevokeTokens};
use crate::engine::query::{TokenView, Tokens};
use crate::model::text::visible;

/// Arguments of `gantry user`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry user token amira  # of a reader: sees and labels the cases that she holds\n  gantry user token lead --role reviewer\n  gantry user list\n  gantry user revoke amira\n\nA viewer shows it as `Authorization: Bearer TOKEN` to the address that [[web]] in gantry.toml binds.\n\nExit codes: 0 done; 3 workspace; 4 no such reader or token; 5 not permitted"
)]
pub struct UserArgs {
    #[command(subcommand)]
    act: UserAct,
}

#[derive(Debug, Subcommand)]
enum UserAct {
    /// Makes a token; it is told once, and only its hash is kept
    #[command(
        after_help = "Examples:\n  gantry user token amira\n  gantry user token lead --role reviewer\n\nExit codes: 0 done; 2 the name cannot be one; 3 workspace; 4 no such reader; 5 not permitted"
    )]
    Token {
        /// The reader, or the user
        name: String,
        /// As what they come
        #[arg(long, value_enum, default_value = "reader")]
        role: RoleChoice,
    },
    /// Who has a token
    List,
    /// Revokes every token of somebody
    #[command(
        after_help = "Examples:\n  gantry user revoke amira\n\nExit codes: 0 done; 3 workspace; 4 they have none; 5 not permitted"
    )]
    Revoke {
        /// Whose
        name: String,
    },
}

/// As what somebody comes over the web.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleChoice {
    Viewer,
    Reader,
    Reviewer,
    Coordinator,
}

impl From<RoleChoice> for Role {
    fn from(choice: RoleChoice) -> Self {
        match choice {
            RoleChoice::Viewer => Self::Viewer,
            RoleChoice::Reader => Self::Reader,
            RoleChoice::Reviewer => Self::Reviewer,
            RoleChoice::Coordinator => Self::Coordinator,
        }
    }
}

/// Runs `gantry user`.
///
/// # Errors
/// There is no such reader, or nobody has such a token.
pub fn run(args: &UserArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    match &args.act {
        UserAct::Token { name, role } => {
            let made = client.act(MakeToken { name: name.clone(), role: (*role).into() })?;
            out.result(&made, |made| made.token.clone());
            out.note("it is told only now; who has it comes as that user: send it as you would a password");
        }
        UserAct::List => {
            let mut page = out.page();
            client.ask(Tokens {})?.iter().for_each(|token| page.result(token, line));
            page.end();
        }
        UserAct::Revoke { name } => {
            let revoked = client.act(RevokeTokens { name: name.clone() })?;
            let count = serde_json::json!({ "name": name, "revoked": revoked });
            out.result(&count, |_| format!("{revoked} revoked"));
        }
    }
    Ok(Exit::Done)
}

fn line(token: &TokenView) -> String {
    let day = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    let revoked = token.revoked_ms.map(|ms| format!("  revoked {}", day(ms))).unwrap_or_default();
    format!(
        "{}  {}  made {} by {}{revoked}",
        visible(&token.name),
        token.role,
        day(token.created_ms),
        visible(&token.by)
    )
}
