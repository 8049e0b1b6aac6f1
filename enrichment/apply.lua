-- Applies changes of one partition and notes how far it is applied; what the keys are stands in redis_shelf.py.
-- ARGV: the namespace, the epoch, the partition, the offset that follows, the changes as JSON: a list of
-- [offset, kind, id, places], where places is null for a deletion, else node, field, payload for each place; and how far
-- the partition was applied when the writer last heard: less than that means that Redis went back to an older copy.
local ns, epoch, partition, following = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local call = redis.call
if call('GET', ns .. 'epoch') ~= epoch then return -1 end
local data = ns .. 'd' .. string.match(epoch, '^[^.]*') .. ':'
local applied = tonumber(call('HGET', data .. 'applied', partition) or '0')
if applied < tonumber(ARGV[6]) then return -2 end

-- Clears the places of `before` that are not among those of `now`.
local function clear(before, now)
    for line in string.gmatch(before, '[^\t]+') do
        if not now[line] then
            local cut = string.find(line, '\n', 1, true)
            call('HDEL', data .. string.sub(line, 1, cut - 1), string.sub(line, cut + 1))
        end
    end
end

-- Kinds that are few and read ahead: their ids are listed.
local listed = {staff = true, watchlist = true}
local taken, more, changed = 0, {}, {}
for _, change in ipairs(cjson.decode(ARGV[5])) do
    local offset, kind, id, places = unpack(change)
    if offset >= applied then
        taken = taken + 1
        changed[kind] = true
        local at = data .. 'at:' .. kind .. ':' .. id
        local before = call('GET', at)
        if places == cjson.null then
            if before then
                clear(before, {})
                call('DEL', at)
                if listed[kind] then call('SREM', data .. 'ids:' .. kind, id) end
                more[kind] = (more[kind] or 0) - 1
            end
        else
            local now, lines = {}, {}
            for p = 1, #places, 3 do
                call('HSET', data .. places[p], places[p + 1], places[p + 2])
                lines[#lines + 1] = places[p] .. '\n' .. places[p + 1]
                now[lines[#lines]] = true
            end
            local held = table.concat(lines, '\t')
            if before ~= held then
                if before then clear(before, now) else more[kind] = (more[kind] or 0) + 1 end
                call('SET', at, held)
                if listed[kind] then call('SADD', data .. 'ids:' .. kind, id) end
            end
        end
    end
end
for kind, number in pairs(more) do call('HINCRBY', data .. 'records', kind, number) end
for kind in pairs(changed) do call('HSET', data .. 'changed', kind, call('TIME')[1]) end
if following > applied then call('HSET', data .. 'applied', partition, following) end
if taken > 0 then call('INCR', ns .. 'changes') end
return taken
