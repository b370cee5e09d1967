// One query a line -> one JSON object a line: what net/http calls a request's URL query.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		values, _ := url.ParseQuery(lines.Text())
		read := map[string]any{}
		for name, all := range values {
			if len(all) == 1 {
				read[name] = all[0]
			} else {
				read[name] = all
			}
		}
		text, _ := json.Marshal(read)
		fmt.Println(string(text))
	}
}
