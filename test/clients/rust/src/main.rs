//! Rust's official SDK of MCP, as its example has it: a person opens the link that it prints, and pastes the answer.
use std::sync::Arc;

use anyhow::{Context, Result};
use rmcp::{
    ClientHandler, ErrorData, RoleClient, ServiceExt,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationCapability, GetPromptRequestParams, Implementation,
        ReadResourceRequestParams, UrlElicitationCapability,
    },
    service::{RequestContext, RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport,
        auth::{
            AuthClient, AuthorizationCallback, AuthorizationManager, AuthorizationRequest,
            OAuthState, WWWAuthenticateParams,
        },
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin},
    sync::Mutex,
};

const REDIRECT: &str = "http://127.0.0.1:53211/callback";

#[derive(Deserialize)]
struct Order {
    server: String,
    document: String,
    browser: String,
}

#[derive(Deserialize)]
struct Call {
    tool: Option<String>,
    arguments: Option<Map<String, Value>>,
    list: Option<String>,
    get: Option<String>,
    name: Option<String>,
}

type Input = Arc<Mutex<Lines<BufReader<Stdin>>>>;

/// Shows its user a page during a call.
struct Host {
    input: Input,
}

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let elicitation =
            ElicitationCapability::new().with_url(UrlElicitationCapability::default());
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(elicitation);
        ClientConfig::new(capabilities, Implementation::new("test", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::UrlElicitationParams { url, .. } = request else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        println!("{}", json!({ "page": url }));
        let line = self.input.lock().await.next_line().await.ok().flatten();
        let visited = line.as_deref() == Some("true");
        Ok(ElicitResult::new(if visited {
            ElicitationAction::Accept
        } else {
            ElicitationAction::Cancel
        }))
    }
}

/// The person opens a link; where it led.
async fn follow(browser: &str, link: String) -> Result<String> {
    let response = reqwest::Client::new()
        .post(browser)
        .body(link)
        .send()
        .await?;
    Ok(response.error_for_status()?.text().await?)
}

struct Program {
    order: Order,
    manager: Arc<Mutex<AuthorizationManager>>,
    client: RunningService<RoleClient, Host>,
}

impl Program {
    async fn connect(order: Order, input: Input) -> Result<Self> {
        let mut oauth = OAuthState::new(&order.server, None).await?;
        let request = AuthorizationRequest::new(REDIRECT).with_client_metadata_url(&order.document);
        oauth.start_authorization(request).await?;
        let led = follow(&order.browser, oauth.get_authorization_url().await?).await?;
        oauth.handle_callback_url(&led).await?;
        let manager = oauth
            .into_authorization_manager()
            .context("no authorization manager")?;
        let http = AuthClient::new(reqwest::Client::default(), manager);
        let manager = http.auth_manager.clone();
        let config = StreamableHttpClientTransportConfig::with_uri(order.server.clone());
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let client = Host { input }.serve(transport).await?;
        Ok(Self {
            order,
            manager,
            client,
        })
    }

    /// As the documentation of `auth_challenge` has it: obtains the scope, and the call is repeated.
    async fn step_up(&self, challenge: &str) -> Result<()> {
        let manager = self.manager.lock().await;
        let challenge =
            WWWAuthenticateParams::parse(challenge, &reqwest::Url::parse(&self.order.server)?);
        let scope = challenge.scope.context("the challenge has no scope")?;
        let led = follow(
            &self.order.browser,
            manager.request_scope_upgrade(&scope).await?,
        )
        .await?;
        let back = AuthorizationCallback::from_redirect_url(&led)?;
        manager
            .exchange_code_for_token_with_issuer(
                &back.code,
                &back.csrf_token,
                back.issuer.as_deref(),
            )
            .await?;
        Ok(())
    }

    async fn call_tool(&self, name: String, arguments: Map<String, Value>) -> Result<Value> {
        let params = CallToolRequestParams::new(name).with_arguments(arguments);
        let mut answer = self.client.call_tool(params.clone()).await;
        if let Some(challenge) = answer.as_ref().err().and_then(ServiceError::auth_challenge) {
            self.step_up(challenge).await?;
            answer = self.client.call_tool(params).await;
        }
        Ok(serde_json::to_value(answer?)?)
    }

    async fn look_up(&self, call: Call) -> Result<String> {
        let name = call.name.unwrap_or_default();
        match (call.list.as_deref(), call.get.as_deref()) {
            (Some("resources"), _) => {
                let listed = self.client.list_all_resources().await?;
                Ok(listed
                    .iter()
                    .map(|each| each.uri.as_str())
                    .collect::<Vec<_>>()
                    .join(" "))
            }
            (Some(_), _) => {
                let listed = self.client.list_all_prompts().await?;
                Ok(listed
                    .iter()
                    .map(|each| each.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" "))
            }
            (_, Some("resources")) => {
                let read = self
                    .client
                    .read_resource(ReadResourceRequestParams::new(name))
                    .await?;
                Ok(serde_json::to_string(&read)?)
            }
            _ => Ok(serde_json::to_string(
                &self
                    .client
                    .get_prompt(GetPromptRequestParams::new(name))
                    .await?,
            )?),
        }
    }

    async fn perform(&self, call: Call) -> Result<Value> {
        let (Some(tool), arguments) = (call.tool.clone(), call.arguments.clone()) else {
            return Ok(json!({ "failed": false, "text": self.look_up(call).await? }));
        };
        let result = self.call_tool(tool, arguments.unwrap_or_default()).await?;
        let contents = result["content"].as_array().cloned().unwrap_or_default();
        let texts: Vec<_> = contents
            .iter()
            .filter_map(|each| each["text"].as_str())
            .collect();
        let meta = result.get("_meta").cloned().unwrap_or_else(|| json!({}));
        Ok(
            json!({ "failed": result["isError"] == json!(true), "text": texts.join(" "), "meta": meta }),
        )
    }
}

async fn run() -> Result<()> {
    let order: Order = serde_json::from_str(&std::env::args().nth(1).context("no order")?)?;
    let input: Input = Arc::new(Mutex::new(BufReader::new(stdin()).lines()));
    let program = Program::connect(order, input.clone()).await?;
    loop {
        let Some(line) = input.lock().await.next_line().await? else {
            return Ok(());
        };
        let outcome = program.perform(serde_json::from_str(&line)?).await;
        println!(
            "{}",
            outcome.unwrap_or_else(|error| json!({ "failed": true, "text": format!("{error:#}") }))
        );
    }
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        println!(
            "{}",
            json!({ "failed": true, "text": format!("{error:#}") })
        );
    }
}
