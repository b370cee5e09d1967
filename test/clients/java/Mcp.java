import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.id.*;
import com.nimbusds.oauth2.sdk.pkce.*;
import com.nimbusds.oauth2.sdk.token.*;
import io.modelcontextprotocol.client.*;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.client.transport.customizer.McpHttpClientTransportAuthorizationErrorHandler;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.*;
import java.io.*;
import java.net.URI;
import java.net.http.*;
import java.time.Duration;
import java.util.*;
import java.util.regex.*;
import java.util.stream.*;

/**
 * Java's official SDK of MCP, which sends what a request customizer adds and leaves tokens to its program: Nimbus obtains
 * and renews them, from the challenge of a call that was denied.
 */
public class Mcp {
  static final URI REDIRECT = URI.create("http://127.0.0.1:53211/callback");
  static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));
  static Map<String, Object> order;

  /** The client's tokens, for one server. */
  static class Tokens {
    volatile Pair current;

    record Pair(AccessToken access, RefreshToken refresh) {}

    /** The person opens a link, and pastes where it led. */
    URI browse(URI link) throws Exception {
      var browser = URI.create((String) order.get("browser"));
      var request = HttpRequest.newBuilder(browser).POST(HttpRequest.BodyPublishers.ofString(link.toString())).build();
      return URI.create(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    static String parameter(String challenge, String name) {
      var found = Pattern.compile("[\\s,]" + name + "=\"([^\"]*)\"").matcher(challenge);
      return found.find() ? found.group(1) : null;
    }

    static String get(String url) throws Exception {
      return new HTTPRequest(HTTPRequest.Method.GET, URI.create(url)).send().getBody();
    }

    /** RFC 9728, RFC 8414, RFC 7636. */
    synchronized boolean obtain(String challenge) throws Exception {
      var resource = JSONObjectUtils.parse(get(parameter(challenge, "resource_metadata")));
      var issuer = new Issuer((String) ((List<?>) resource.get("authorization_servers")).get(0));
      var server = AuthorizationServerMetadata.resolve(issuer);
      var client = new ClientID((String) order.get("document"));
      var expired = "invalid_token".equals(parameter(challenge, "error"));
      if (expired && current != null && current.refresh != null) {
        var grant = new RefreshTokenGrant(current.refresh);
        if (redeem(new TokenRequest.Builder(server.getTokenEndpointURI(), client, grant).build())) return true;
      }
      var needed = parameter(challenge, "scope");
      var scope = new Scope();
      if (current != null && current.access.getScope() != null) scope.addAll(current.access.getScope());
      if (needed != null) scope.addAll(Scope.parse(needed));
      var verifier = new CodeVerifier();
      var at = URI.create((String) resource.get("resource"));
      var asking = new AuthorizationRequest.Builder(ResponseType.CODE, client)
          .endpointURI(server.getAuthorizationEndpointURI()).redirectionURI(REDIRECT).state(new State())
          .scope(scope.isEmpty() ? null : scope)
          .codeChallenge(verifier, CodeChallengeMethod.S256).resource(at).build();
      var back = AuthorizationResponse.parse(browse(asking.toURI()));
      if (!back.indicatesSuccess()) return false;
      var code = back.toSuccessResponse().getAuthorizationCode();
      var grant = new AuthorizationCodeGrant(code, REDIRECT, verifier);
      return redeem(new TokenRequest.Builder(server.getTokenEndpointURI(), client, grant).resources(at).build());
    }

    boolean redeem(TokenRequest request) throws Exception {
      var response = TokenResponse.parse(request.toHTTPRequest().send());
      if (!response.indicatesSuccess()) return false;
      var tokens = response.toSuccessResponse().getTokens();
      current = new Pair(tokens.getAccessToken(), tokens.getRefreshToken());
      return true;
    }
  }

  static void say(Map<String, ?> line) {
    System.out.println(JSONObjectUtils.toJSONString(line));
  }

  static void say(boolean failed, String text, Map<String, Object> meta) {
    // Its reader distinguishes lines by the first member.
    var line = new LinkedHashMap<String, Object>();
    line.put("failed", failed);
    line.put("text", text);
    if (meta != null) line.put("meta", meta);
    say(line);
  }

  static ElicitResult show(ElicitUrlRequest request) {
    say(Map.of("page", request.url()));
    try {
      var visited = "true".equals(INPUT.readLine());
      return ElicitResult.builder(visited ? ElicitResult.Action.ACCEPT : ElicitResult.Action.CANCEL).build();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static McpSyncClient connect() throws Exception {
    var tokens = new Tokens();
    var url = URI.create((String) order.get("server"));
    var transport = HttpClientStreamableHttpTransport.builder(url.resolve("/").toString())
        .endpoint(url.getPath())
        .httpRequestCustomizer((request, method, at, body, context) -> {
          var held = tokens.current;
          if (held != null) request.setHeader("Authorization", held.access().toAuthorizationHeader());
        })
        .authorizationErrorHandler(McpHttpClientTransportAuthorizationErrorHandler.fromSync((request, response, context) -> {
          var challenge = response.headers().firstValue("WWW-Authenticate").orElse("");
          try {
            return Tokens.parameter(challenge, "resource_metadata") != null && tokens.obtain(challenge);
          } catch (Exception error) {
            throw new RuntimeException(error);
          }
        }))
        .build();
    var client = McpClient.sync(transport)
        .requestTimeout(Duration.ofSeconds(30)).initializationTimeout(Duration.ofSeconds(30))
        .capabilities(ClientCapabilities.builder().elicitation(false, true).build())
        .urlElicitation(Mcp::show).build();
    client.initialize();
    return client;
  }

  static String texts(List<Content> contents) {
    return contents.stream().filter(TextContent.class::isInstance).map(each -> ((TextContent) each).text())
        .collect(Collectors.joining(" "));
  }

  static void perform(McpSyncClient client, Map<String, Object> call) throws Exception {
    if (call.get("list") instanceof String kind) {
      say(false, kind.equals("resources")
          ? client.listResources().resources().stream().map(McpSchema.Resource::uri).collect(Collectors.joining(" "))
          : client.listPrompts().prompts().stream().map(Prompt::name).collect(Collectors.joining(" ")), null);
    } else if (call.get("get") instanceof String kind) {
      var name = (String) call.get("name");
      say(false, kind.equals("resources")
          ? client.readResource(new ReadResourceRequest(name)).toString()
          : client.getPrompt(new GetPromptRequest(name, Map.of())).toString(), null);
    } else {
      @SuppressWarnings("unchecked") var arguments = (Map<String, Object>) call.get("arguments");
      var result = client.callTool(new CallToolRequest((String) call.get("tool"), arguments));
      say(Boolean.TRUE.equals(result.isError()), texts(result.content()), result.meta());
    }
  }

  public static void main(String[] args) throws Exception {
    order = JSONObjectUtils.parse(args[0]);
    try {
      var client = connect();
      for (String line; (line = INPUT.readLine()) != null;) {
        try {
          perform(client, JSONObjectUtils.parse(line));
        } catch (Exception error) {
          say(true, error.toString(), null);
        }
      }
    } catch (Exception error) {
      say(true, error.toString(), null);
    }
    System.exit(0);
  }
}
