# Two campaigns in one request, with nothing but Ruby's standard library. Prints the parsed answer; ends with 1 unless both were made.
#
#   EKIBEN_URL     the server's address, such as http://localhost:8080
#   EKIBEN_SITE    site_uuid of a site whose author is news@example.com
#   EKIBEN_KEY     its publishable key
#   EKIBEN_SECRET  its secret key
require "json"
require "net/http"
require "uri"

endpoint = URI.join(ENV.fetch("EKIBEN_URL"), "/api/v1/batch/broadcasts")

campaigns = [
  # A sender by address alone: the name is the author's.
  {
    name: "Ruby: short note",
    subject: "A note from Ruby",
    content: "<p>Good morning</p>",
    type: "plain",
    from: { email: "news@example.com" },
    inclusive_tags: "lead,mql",
    exclusive_tags: "customers"
  },
  # Nobody named as its sender: the site's first author is.
  {
    name: "Ruby: full page",
    subject: "A page from Ruby",
    content: "<p><strong>Good morning</strong></p>",
    type: "fancy"
  }
]

post = Net::HTTP::Post.new(endpoint)
post.basic_auth(ENV.fetch("EKIBEN_KEY"), ENV.fetch("EKIBEN_SECRET"))
post.content_type = "application/json"
post.body = JSON.generate(site_uuid: ENV.fetch("EKIBEN_SITE"), broadcasts: campaigns)

limits = { use_ssl: endpoint.scheme == "https", open_timeout: 10, read_timeout: 60 }
reply = Net::HTTP.start(endpoint.host, endpoint.port, limits) { |server| server.request(post) }
abort "#{reply.code} #{reply.body}" unless reply.is_a?(Net::HTTPSuccess)

answer = JSON.parse(reply.body)
puts JSON.pretty_generate(answer)
abort "#{answer["results"]} of #{campaigns.size} were made" unless answer["results"] == campaigns.size
