-- Notes accesses in windows and answers each, in order; what the keys are stands in redis_windows.py.
-- ARGV: the namespace, seven numbers, 1 to note and answer or 0 to answer only; then the digests of the event ids,
-- eight bytes each, one after the other; then what else is said of the accesses, as JSON: a list for each.
local HOUR, DAY, QUARTER = 3600e6, 86400e6, 21600e6
local MOST, NAMED, DATES = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local NOTING = ARGV[9] == '1'
local KEEP_SEEN, KEEP_SHORT, KEEP_LONG, KEEP_VISITS = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local ns = ARGV[1] .. 'w:'
local call, floor = redis.call, math.floor
local function text(number) return string.format('%.0f', number) end

local today = floor(tonumber(call('TIME')[1]) / 86400)
local SEEN_TODAY, SEEN_YESTERDAY = ns .. 'seen:' .. text(today) .. ':', ns .. 'seen:' .. text(today - 1) .. ':'

-- A batch writes most keys more than once; each is told only once for how long it is kept.
local told = {}
local function keep(key, seconds)
    if not told[key] then
        told[key] = true
        call('EXPIRE', key, seconds)
    end
end

-- `place` is whose line it is and which part of it, as a key ends; `score` the access's time as text.
local function note(kind, place, kept, score, member)
    local key = ns .. kind .. place
    call('ZADD', key, score, member)
    keep(key, kept)
end

-- The entries of one line from `from` to `to`, the newest first: each(member, score) until it gives true.
local function look(kind, size, whose, from, to, most, each)
    for bucket = floor(to / size), floor(from / size), -1 do
        local key = ns .. kind .. ':' .. whose .. ':' .. text(bucket)
        local found = call('ZREVRANGEBYSCORE', key, text(to), text(from), 'WITHSCORES', 'LIMIT', 0, most)
        for n = 1, #found, 2 do
            if each(found[n], found[n + 1]) then return end
        end
        most = most - #found / 2
        if most <= 0 then return end
    end
end

local function count(kind, size, whose, from, to)
    local number = 0
    for bucket = floor(from / size), floor(to / size) do
        number = number + call('ZCOUNT', ns .. kind .. ':' .. whose .. ':' .. text(bucket), text(from), text(to))
    end
    return number
end

-- How many distinct values there are with the own one, then some of the others, each with its newest time.
local function distinct(kind, whose, from, to, event, own, read)
    local newest, values = {}, {}
    look(kind, DAY, whose, from, to, MOST, function(member, score)
        local value = read(member)
        if value and value ~= own and not newest[value] and string.sub(member, 1, 8) ~= event then
            newest[value] = score
            values[#values + 1] = value
        end
    end)
    table.sort(values)
    local said = { #values + 1 }
    for n = 1, math.min(#values, NAMED) do
        said[#said + 1] = values[n]
        said[#said + 1] = newest[values[n]]
    end
    return said
end

-- A member: 8 bytes of digest, a mark (0 none, 1 lookup, 2 dormant, 3 both), the site, a newline, the client.
local function client_of(member) return string.sub(member, string.find(member, '\n', 10, true) + 1) end
local function site_of(member) return string.sub(member, 10, (string.find(member, '\n', 10, true) or 0) - 1) end
local function marked(mark)
    return function(member)
        local carried = string.sub(member, 9, 9)
        return (carried == mark or carried == '3') and client_of(member)
    end
end

local function visits(staff, client, date)
    local key = ns .. 'v:' .. staff .. ':'
    local part, dates = floor(date / DATES), {}
    local now = tonumber(call('HGET', key .. text(part), client) or '0')
    local before = tonumber(call('HGET', key .. text(part - 1), client) or '0')
    for one = date - DATES + 1, date do
        local held = floor(one / DATES) == part and now or before
        if one == date or bit.band(held, bit.lshift(1, one % DATES)) ~= 0 then dates[#dates + 1] = one end
    end
    return dates
end

local function scan_elsewhere(staff, event, site, from, to)
    local best, score = false, false
    for kind, size in pairs({ x = QUARTER, n = QUARTER, u = DAY }) do
        look(kind, size, staff, from, to, MOST, function(member, at)
            local other = site_of(member)
            if other == site or other == '' or string.sub(member, 1, 8) == event then return false end
            if not score or tonumber(at) > tonumber(score) or (at == score and other < best) then
                best, score = other, at
            end
            return true
        end)
    end
    return best and { best, score } or {}
end

-- Most staff have one site; only where another was used lately are the accesses themselves looked through.
local function elsewhere(staff, event, site, from, to)
    for bucket = floor(from / QUARTER), floor(to / QUARTER) do
        local sites = call('ZRANGEBYSCORE', ns .. 's:' .. staff .. ':' .. text(bucket), text(from), '+inf')
        for n = 1, #sites do
            if sites[n] ~= site then return scan_elsewhere(staff, event, site, from, to) end
        end
    end
    return {}
end

local replies = {}
for one, access in ipairs(cjson.decode(ARGV[11])) do
    local digest = string.sub(ARGV[10], 8 * one - 7, 8 * one)
    local number, part, staff, client, at, date, standing, search, mark, records, site, sites_back, asked = unpack(access)
    local seen = SEEN_TODAY .. part
    if NOTING and call('SADD', seen, number) == 1 and call('SISMEMBER', SEEN_YESTERDAY .. part, number) == 0 then
        local score, quarter, day = text(at), ':' .. staff .. ':' .. text(floor(at / QUARTER)), text(floor(at / DAY))
        keep(seen, KEEP_SEEN)
        local member = digest .. mark .. site
        if site ~= '' then
            local key = ns .. 's' .. quarter
            call('ZADD', key, 'GT', score, site)
            keep(key, KEEP_SHORT)
        end
        if standing == 'u' then
            note('u', ':' .. staff .. ':' .. day, KEEP_LONG, score, member .. '\n' .. client)
            note('c', ':' .. client .. ':' .. day, KEEP_LONG, score, digest .. staff)
            local key = ns .. 'v:' .. staff .. ':' .. text(floor(date / DATES))
            local held = tonumber(call('HGET', key, client) or '0')
            call('HSET', key, client, text(bit.bor(held, bit.lshift(1, date % DATES))))
            keep(key, KEEP_VISITS)
        else
            note(standing, quarter, KEEP_SHORT, score, member)
        end
        if search ~= '' then note(search, quarter, KEEP_SHORT, score, digest) end
        if records ~= 0 then note('r', ':' .. staff .. ':' .. day, KEEP_LONG, score, digest .. records) end
    end
    local reply, other = 0, {}
    if sites_back > 0 then other = elsewhere(staff, digest, site, at - sites_back, at) end
    if standing == 'u' or search ~= '' or records ~= 0 or #other > 0 or asked ~= '' then
        reply = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
        if standing == 'u' then
            reply[1] = distinct('u', staff, at - HOUR, at, digest, client, client_of)[1]
            reply[2] = visits(staff, client, date)
            reply[3] = distinct('c', client, at - DAY, at, digest, staff, function(m) return string.sub(m, 9) end)
            if mark == 1 or mark == 3 then reply[4] = distinct('u', staff, at - DAY, at, digest, client, marked('1')) end
            if mark == 2 or mark == 3 then reply[5] = distinct('u', staff, at - DAY, at, digest, client, marked('2')) end
        end
        if search ~= '' then
            reply[6] = count('p', QUARTER, staff, at - HOUR, at) + count('q', QUARTER, staff, at - HOUR, at)
            reply[7] = count('x', QUARTER, staff, at - HOUR, at)
        end
        if records ~= 0 then
            local sum = 0
            look('r', DAY, staff, at - DAY, at, MOST, function(m) sum = sum + tonumber(string.sub(m, 9)) end)
            reply[8] = text(sum)
        end
        reply[9] = other
        if asked ~= '' then
            local back, names = string.match(asked, '^(%d+)\n(.*)$')
            local found = {}
            for name in string.gmatch(names, '[^\n]+') do
                look('p', QUARTER, name, at - tonumber(back), at, 1, function(_, score)
                    found[#found + 1], found[#found + 2] = name, score
                    return true
                end)
            end
            reply[10] = found
        end
    end
    replies[#replies + 1] = reply
end
return replies
