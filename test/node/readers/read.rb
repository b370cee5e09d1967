# One query a line -> one JSON object a line: what Rails and Sinatra call `params`; null: refused.
require "json"
require "rack"
STDIN.each_line do |line|
  begin
    puts JSON.generate(Rack::Utils.parse_nested_query(line.chomp("\n")))
  rescue StandardError
    puts "null"
  end
end
