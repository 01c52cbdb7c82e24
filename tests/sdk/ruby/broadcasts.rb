# A client with Ruby's own library alone: builds a list of broadcasts, posts it as one JSON document with Basic auth, reads the answer.
require "json"
require "net/http"
require "uri"

endpoint = URI.join(ENV.fetch("EKIBEN_URL"), "/api/v1/batch/broadcasts")

def post(endpoint, document, secret_key: ENV.fetch("EKIBEN_SECRET_KEY"))
  request = Net::HTTP::Post.new(endpoint)
  request.basic_auth(ENV.fetch("EKIBEN_PUBLISHABLE_KEY"), secret_key)
  request.content_type = "application/json"
  request.body = JSON.generate(document)
  Net::HTTP.start(endpoint.hostname, endpoint.port, use_ssl: endpoint.scheme == "https") { |http| http.request(request) }
end

def expect(what, expected, actual)
  abort "#{what}: expected #{expected.inspect}, got #{actual.inspect}" unless expected == actual
end

mailing = [
  { name: "Plain from Ruby", subject: "Good morning", content: "<p>Good morning</p>", type: "plain",
    from: { email: "news@example.com" }, inclusive_tags: "lead,mql", exclusive_tags: "customers" },
  { name: "HTML from Ruby", subject: "Good morning", content: "<p><strong>Good</strong> morning</p>", type: "fancy" },
]

response = post(endpoint, { site_uuid: ENV.fetch("EKIBEN_SITE_UUID"), broadcasts: mailing })
expect "status", "200", response.code
answer = JSON.parse(response.body)
expect "results", 2, answer["results"]
expect "failed", 0, answer["failed"]
expect "names", mailing.map { |broadcast| broadcast[:name] }, answer["broadcasts"].map { |broadcast| broadcast["name"] }
expect "drafts", %w[draft draft], answer["broadcasts"].map { |broadcast| broadcast["status"] }

too_many = post(endpoint, { site_uuid: ENV.fetch("EKIBEN_SITE_UUID"), broadcasts: Array.new(101) { mailing.first } })
expect "101 at once", "400", too_many.code

stranger = post(endpoint, { site_uuid: ENV.fetch("EKIBEN_SITE_UUID"), broadcasts: mailing }, secret_key: "0" * 32)
expect "a wrong secret", "401", stranger.code

puts "Ruby got what it expects"
