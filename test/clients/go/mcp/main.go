// Go's official SDK of MCP, as its example has it: a person opens the link that it prints.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type order struct {
	Server   string `json:"server"`
	Document string `json:"document"`
	Browser  string `json:"browser"`
}

type call struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
	List      string         `json:"list"`
	Get       string         `json:"get"`
	Name      string         `json:"name"`
}

var lines = bufio.NewReader(os.Stdin)

func say(line any) {
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

func outcome(failed bool, text string, meta mcp.Meta) {
	line := map[string]any{"failed": failed, "text": text}
	if meta != nil {
		line["meta"] = meta
	}
	say(line)
}

// The person opens a link, and pastes where it led.
func follow(browser string) auth.AuthorizationCodeFetcher {
	return func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		response, err := http.Post(browser, "text/plain", strings.NewReader(args.URL))
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		led, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		back, err := url.Parse(string(led))
		if err != nil {
			return nil, err
		}
		query := back.Query()
		return &auth.AuthorizationResult{Code: query.Get("code"), State: query.Get("state"), Iss: query.Get("iss")}, nil
	}
}

func show(ctx context.Context, request *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	say(map[string]string{"page": request.Params.URL})
	answer, err := lines.ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "true" {
		return &mcp.ElicitResult{Action: "cancel"}, err
	}
	return &mcp.ElicitResult{Action: "accept"}, nil
}

func textOf(contents []mcp.Content) string {
	texts := []string{}
	for _, content := range contents {
		if text, ok := content.(*mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, " ")
}

func list(ctx context.Context, session *mcp.ClientSession, kind string) (string, error) {
	names := []string{}
	if kind == "resources" {
		result, err := session.ListResources(ctx, nil)
		if err != nil {
			return "", err
		}
		for _, each := range result.Resources {
			names = append(names, each.URI)
		}
	} else {
		result, err := session.ListPrompts(ctx, nil)
		if err != nil {
			return "", err
		}
		for _, each := range result.Prompts {
			names = append(names, each.Name)
		}
	}
	return strings.Join(names, " "), nil
}

func get(ctx context.Context, session *mcp.ClientSession, kind string, name string) (string, error) {
	var result any
	var err error
	if kind == "resources" {
		result, err = session.ReadResource(ctx, &mcp.ReadResourceParams{URI: name})
	} else {
		result, err = session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name})
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	return string(text), err
}

func do(ctx context.Context, session *mcp.ClientSession, each call) {
	var text string
	var err error
	switch {
	case each.List != "":
		text, err = list(ctx, session, each.List)
	case each.Get != "":
		text, err = get(ctx, session, each.Get, each.Name)
	default:
		result, failure := session.CallTool(ctx, &mcp.CallToolParams{Name: each.Tool, Arguments: each.Arguments})
		if failure == nil {
			outcome(result.IsError, textOf(result.Content), result.Meta)
			return
		}
		err = failure
	}
	if err != nil {
		outcome(true, err.Error(), nil)
		return
	}
	outcome(false, text, nil)
}

func main() {
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		panic(err)
	}
	ctx := context.Background()
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		ClientIDMetadataDocumentConfig: &auth.ClientIDMetadataDocumentConfig{URL: o.Document},
		RedirectURL:                    "http://127.0.0.1:53211/callback",
		AuthorizationCodeFetcher:       follow(o.Browser),
	})
	if err != nil {
		panic(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: show,
		Capabilities: &mcp.ClientCapabilities{
			Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}},
		},
	})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: o.Server, OAuthHandler: handler}, nil)
	if err != nil {
		outcome(true, err.Error(), nil)
		return
	}
	defer session.Close()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var each call
		if err := json.Unmarshal([]byte(line), &each); err != nil {
			panic(err)
		}
		do(ctx, session, each)
	}
}
